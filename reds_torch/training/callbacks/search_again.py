"""A new choice of the subnetworks while they are trained.

Training changes what a unit is worth. At some epochs the units are scored and ordered anew, with all that the optimizer
remembers of their weights, so that training goes on as if nothing had moved; then the widths are searched again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from ...nested import Subnetwork
from ...nested.network import NestedNetwork
from ...nested.ordering import best_first, permute, reordered
from ...nested.scores import Scores
from ..module import NestedClassifier


def search_epochs(searches: int, epochs: int) -> list[int]:
    """The epochs before which to search: so many at equal distances, the last after half of them."""
    found = {round(epochs * i / (2 * searches)) for i in range(1, searches + 1)}
    return sorted(found - {0, epochs})


class SearchAgain(Callback):
    """Orders the units and searches the subnetworks anew before some epochs.

    Args:
        epochs: which.
        score: gives a network's scores; with several processes, the same in each.
        search: gives the subnetworks of an ordered network, as many as it has.
    """

    def __init__(
        self,
        epochs: Collection[int],
        score: Callable[[NestedNetwork], Scores],
        search: Callable[[NestedNetwork, Scores], Sequence[Subnetwork]],
    ) -> None:
        self.epochs = frozenset(epochs)
        self.score = score
        self.search = search

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Score, order and search, if it is time."""
        if trainer.current_epoch not in self.epochs:
            return
        assert isinstance(pl_module, NestedClassifier)
        learner = pl_module.learner
        scores = self.score(learner)
        order = best_first(learner, scores)
        for net in {pl_module.net, learner}:
            permute(net, order, dict(net.model.named_parameters()) | dict(net.model.named_buffers()))
        for optimizer in trainer.optimizers:
            names: dict[Tensor, str] = {p: name for name, p in learner.model.named_parameters()}
            for remembered in _remembered(optimizer.state, names):
                permute(learner, order, remembered)
        pl_module.adopt(self.search(learner, reordered(learner, order, scores)))


def _remembered(state: dict[Any, dict[str, Tensor]], names: dict[Tensor, str]) -> list[dict[str, Tensor]]:
    """For each kind of an optimizer's memory (mean of gradients, of their squares): a tensor for each weight's name."""
    kinds = {kind for remembered in state.values() for kind in remembered}
    return [
        {names[p]: remembered[kind] for p, remembered in state.items() if p in names and _shaped(remembered, kind, p)}
        for kind in sorted(kinds)
    ]


def _shaped(remembered: dict[str, Any], kind: str, parameter: Tensor) -> bool:
    value = remembered.get(kind)
    return isinstance(value, Tensor) and value.shape == parameter.shape
