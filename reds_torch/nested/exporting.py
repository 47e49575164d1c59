"""A model as a flat list of ATen operators, through ``torch.export``."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any

import torch
from torch import Tensor, fx, nn

from .evaluation_mode import evaluating
from .operators.table import UNROLLED, rule_of
from .operators.walk import NestingError


def export(model: nn.Module, example_input: Tensor) -> Any:
    """The exported program of a model in evaluation mode; refuses what torch can't export."""
    try:
        with evaluating(model), _quiet():
            return _taken_apart(torch.export.export(model, (example_input,), strict=False))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise NestingError(
            f"the model can't be nested because torch.export failed on an input of shape "
            f"{tuple(example_input.shape)}: {reason}"
        ) from error


def _taken_apart(exported: Any) -> Any:
    """Operators without a rule that torch makes of others which have one (einsum), in terms of those."""
    unknown = _without_rule(exported)
    known = torch.export.default_decompositions()
    composed = {}
    for target in unknown - UNROLLED:
        if target in known:
            composed[target] = known[target]
        elif isinstance(target, torch._ops.OpOverload) and target._can_decompose():
            composed[target] = target.decompose
    if composed:
        apart = exported.run_decompositions(composed)
        if _without_rule(apart) < unknown:
            return apart
    return exported


def _without_rule(exported: Any) -> set[Any]:
    """The operators on tensors that there is no rule for."""
    return {
        n.target
        for n in exported.graph.nodes
        if n.op == "call_function" and n.all_input_nodes and not rule_of(n.target)
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch says about a model that it can't export out of the way of our own message."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def needed_nodes(graph: fx.Graph) -> set[fx.Node]:
    """The nodes that the network's output depends on; a forward may compute more (an attention's mean weights)."""
    needed: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        if node.op == "output" or node.is_impure() or not needed.isdisjoint(node.users):
            needed.add(node)
    return needed
