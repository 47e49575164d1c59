"""Many nested networks in one set of weights, for PyTorch.

Names are imported when they are first used: a search on plain arrays (`WidthProblem`, `solve`) needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkpoint.file import load, save
    from .costs import measure, register_cost, register_device
    from .knapsack import WidthProblem, solve
    from .knapsack.network_search import search
    from .nested.network import NestedNetwork, nest
    from .nested.operators.walk import NestingError
    from .nested.ordering import order
    from .nested.scores import Scores, score
    from .nested.widths import Subnetwork, WidthGroup

__version__ = "0.1.0"

_HOME = {
    "NestedNetwork": "nested.network",
    "NestingError": "nested.operators.walk",
    "Scores": "nested.scores",
    "Subnetwork": "nested.widths",
    "WidthGroup": "nested.widths",
    "WidthProblem": "knapsack",
    "load": "checkpoint",
    "measure": "costs",
    "nest": "nested.network",
    "order": "nested.ordering",
    "register_cost": "costs",
    "register_device": "costs",
    "save": "checkpoint",
    "score": "nested.scores",
    "search": "knapsack.network_search",
    "solve": "knapsack",
}

__all__ = [
    "NestedNetwork",
    "NestingError",
    "Scores",
    "Subnetwork",
    "WidthGroup",
    "WidthProblem",
    "load",
    "measure",
    "nest",
    "order",
    "register_cost",
    "register_device",
    "save",
    "score",
    "search",
    "solve",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'reds_torch' has no attribute '{name}'")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
