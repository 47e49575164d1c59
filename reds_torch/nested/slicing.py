"""Cutting tensors and networks to a subnetwork's widths.

An extracted network is the model itself, copied with shorter parameters; the layers' own attributes
(``out_features``, ``num_features``, ``groups``, ...) are read off the new shapes, so no layer type has a twin.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from .tracing import Trace
from .widths import AxisLayout, Widths

# For each axis that loses indices: the runs (start, length) that stay.
Cuts = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


def cuts(axes: Mapping[int, AxisLayout], widths: Widths) -> Cuts:
    """What a tensor with these axes keeps at these widths; axes that keep everything are left out."""
    kept = ((axis, tuple(layout.segments(widths))) for axis, layout in axes.items())
    return tuple(
        (axis, tuple(run for run in runs if run[1]))
        for axis, runs in kept
        if sum(length for _, length in runs) < axes[axis].length
    )


def cut(tensor: Tensor, kept: Cuts) -> Tensor:
    """Keep each axis' first units: a view where the kept indices are one run, else a copy.

    Gradients flow into ``tensor`` either way.
    """
    for axis, runs in kept:
        parts = [tensor.narrow(axis, start, length) for start, length in runs]
        tensor = parts[0] if len(parts) == 1 else torch.cat(parts, dim=axis)
    return tensor


def put_back(tensor: Tensor, kept: Cuts, part: Tensor) -> None:
    """The reverse of `cut` where it made a copy: write the part's values into the tensor."""
    if not kept:
        tensor.copy_(part)
        return
    (axis, runs), *others = kept
    for (start, length), piece in zip(runs, part.split([length for _, length in runs], dim=axis), strict=True):
        put_back(tensor.narrow(axis, start, length), tuple(others), piece)


def cut_model(model: nn.Module, structure: Trace, widths: Widths, device: torch.device | None = None) -> nn.Module:
    """A copy of the model at these widths, with weights of its own.

    With ``device="meta"`` nothing but the modules and their attributes is made: it holds no memory.
    """
    # deepcopy takes what stands in the memo for a copy: the full tensors are never copied.
    memo: dict[int, Tensor] = {}
    for name, parameter in model.named_parameters():
        part = cut(parameter.detach(), cuts(structure.layouts.get(name, {}), widths))
        memo[id(parameter)] = nn.Parameter(_own(part, device), parameter.requires_grad)
    for name, buffer in model.named_buffers():
        memo[id(buffer)] = _own(cut(buffer, cuts(structure.layouts.get(name, {}), widths)), device)
    small = copy.deepcopy(model, memo)
    for module in small.modules():
        for kind, read in _ATTRIBUTES.items():
            if isinstance(module, kind):
                read(module)
    for name, axis in structure.reshaped:
        _shorten(small.get_submodule(name), axis.length, sum(n for _, n in axis.segments(widths)))
    return small


def _shorten(module: nn.Module, full: int, length: int) -> None:
    """A module that reshapes may keep the axis' length in an attribute of its own, such as ``hidden_dim``."""
    if type(module) not in _ATTRIBUTES:
        for name, value in vars(module).items():
            if type(value) is int and value == full:
                setattr(module, name, length)


def _own(tensor: Tensor, device: torch.device | None) -> Tensor:
    if device is not None and device.type == "meta":
        return torch.empty_like(tensor, device=device)
    return tensor.clone(memory_format=torch.contiguous_format)


def _linear(module: nn.Linear) -> None:
    module.out_features, module.in_features = module.weight.shape


def _conv(module: _ConvNd) -> None:
    filters_per_group = module.out_channels // module.groups
    module.out_channels = module.weight.shape[0]
    if module.groups > 1:  # whole groups are cut
        module.groups = module.out_channels // filters_per_group
    module.in_channels = module.weight.shape[1] * module.groups


def _channel_norm(module: _NormBase) -> None:
    for vector in (module.running_mean, module.weight):
        if vector is not None:
            module.num_features = vector.shape[0]


def _layer_norm(module: nn.LayerNorm | nn.RMSNorm) -> None:
    if module.weight is not None:
        module.normalized_shape = tuple(module.weight.shape)


def _group_norm(module: nn.GroupNorm) -> None:
    if module.weight is not None:
        channels_per_group = module.num_channels // module.num_groups
        module.num_channels = module.weight.shape[0]
        module.num_groups = module.num_channels // channels_per_group


def _prelu(module: nn.PReLU) -> None:
    module.num_parameters = module.weight.shape[0]


def _embedding(module: nn.Embedding) -> None:
    module.embedding_dim = module.weight.shape[1]


def _attention(module: nn.MultiheadAttention) -> None:
    module.embed_dim = module.out_proj.weight.shape[0]
    if module.in_proj_weight is not None:  # keys and values are read from as many features
        module.kdim = module.vdim = module.embed_dim
    module.num_heads = module.embed_dim // module.head_dim


_ATTRIBUTES: dict[type[nn.Module], Callable[..., None]] = {
    nn.Linear: _linear,
    _ConvNd: _conv,
    _NormBase: _channel_norm,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: _layer_norm,
    nn.GroupNorm: _group_norm,
    nn.PReLU: _prelu,
    nn.Embedding: _embedding,
    nn.MultiheadAttention: _attention,
}
