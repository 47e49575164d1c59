"""The rule of each ATen operator.

Operators that a deployed network fuses into the layer before them (batch norm, ReLU, padding) or that only look
at the same memory differently (flatten, view) keep the activation of their input.
"""

from __future__ import annotations

import operator
from typing import Any

import torch

from . import elementwise, layers, shapes
from .layers import Rule

aten = torch.ops.aten


# torch knows how these are made of others, but would write out every step of the sequence
UNROLLED = {aten.gru.input, aten.lstm.input, aten.rnn_tanh.input, aten.rnn_relu.input}


def rule_of(target: Any) -> Rule | None:
    """The rule of an operator: its own, or that of all which torch tags as elementwise."""
    if target in RULES:
        return RULES[target]
    return elementwise.broadcast if torch.Tag.pointwise in getattr(target, "tags", ()) else None


def _table(rule: Rule, *operators: Any) -> dict[Any, Rule]:
    return dict.fromkeys(operators, rule)


RULES: dict[Any, Rule] = {
    **_table(layers.linear, aten.linear.default),
    **_table(layers.convolution, aten.conv1d.default, aten.conv2d.default, aten.conv1d.padding, aten.conv2d.padding),
    **_table(layers.batch_norm, aten.batch_norm.default),
    **_table(layers.instance_norm, aten.instance_norm.default),
    **_table(layers.layer_norm, aten.layer_norm.default, aten.rms_norm.default),
    **_table(layers.group_norm, aten.group_norm.default),
    **_table(layers.prelu, aten.prelu.default),
    **_table(layers.embedding, aten.embedding.default),
    **_table(layers.attention, aten.scaled_dot_product_attention.default),
    **_table(layers.product, aten.matmul.default, aten.bmm.default, aten.mm.default),
    **_table(layers.added_product, aten.baddbmm.default),
    **_table(
        elementwise.fused,
        aten.relu.default,
        aten.relu_.default,
        aten.hardtanh.default,
        aten.hardtanh_.default,
        aten.relu6.default,
        aten.dropout.default,
        aten.dropout_.default,
        aten.alpha_dropout.default,
        aten.feature_dropout.default,
        aten.contiguous.default,
        aten.alias.default,
        aten.clone.default,
        aten.detach.default,
        aten.to.dtype,
        aten.to.dtype_layout,
        aten._assert_tensor_metadata.default,
    ),
    **_table(
        elementwise.pointwise,
        aten.leaky_relu.default,
        aten.leaky_relu_.default,
        aten.elu_.default,
        aten.selu_.default,
        aten.mish_.default,
        aten.threshold_.default,
        aten.hardswish.default,
        aten.hardswish_.default,
        aten.log_sigmoid.default,
        aten.softmax.int,
        aten.log_softmax.int,
        aten.zeros_like.default,
        aten.ones_like.default,
    ),
    **_table(elementwise.broadcast, aten.masked_fill.Tensor, aten.masked_fill_.Scalar, aten.where.ScalarOther),
    **_table(
        elementwise.over_last(1),
        aten.max_pool1d.default,
        aten.avg_pool1d.default,
        aten.adaptive_avg_pool1d.default,
        aten.adaptive_max_pool1d.default,
        aten.upsample_nearest1d.vec,
        aten.upsample_linear1d.vec,
    ),
    **_table(
        elementwise.over_last(2),
        aten.max_pool2d.default,
        aten.avg_pool2d.default,
        aten.adaptive_avg_pool2d.default,
        aten.adaptive_max_pool2d.default,
        aten.upsample_nearest2d.vec,
        aten.upsample_bilinear2d.vec,
        aten.upsample_bicubic2d.vec,
    ),
    **_table(
        elementwise.reduction,
        aten.mean.dim,
        aten.mean.default,
        aten.sum.dim_IntList,
        aten.sum.default,
        aten.amax.default,
        aten.amin.default,
        aten.max.dim,
        aten.min.dim,
        aten.var.correction,
        aten.std.correction,
        aten.logsumexp.default,
    ),
    **_table(elementwise.norm, aten.linalg_vector_norm.default),
    **_table(elementwise.padding, aten.pad.default, aten.constant_pad_nd.default),
    **_table(shapes.permute, aten.permute.default),
    **_table(shapes.transpose, aten.transpose.int),
    **_table(
        shapes.view,
        aten.view.default,
        aten._unsafe_view.default,
        aten.reshape.default,
        aten.flatten.using_ints,
        aten.unflatten.int,
        aten.squeeze.dim,
        aten.squeeze.dims,
        aten.squeeze.default,
        aten.unsqueeze.default,
    ),
    **_table(shapes.concatenate, aten.cat.default),
    **_table(shapes.stack, aten.stack.default),
    **_table(shapes.select, aten.select.int),
    **_table(shapes.unbind, aten.unbind.int),
    **_table(shapes.slice_, aten.slice.Tensor),
    **_table(shapes.expand, aten.expand.default, aten.expand_as.default),
    **_table(shapes.chunk, aten.chunk.default, aten.split.Tensor, aten.split_with_sizes.default),
    **_table(shapes.gated, aten.glu.default),
    **_table(shapes.getitem, operator.getitem),
}
