"""Training and measuring a network as the int8 model computes that it will become."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from ...nested.network import NestedNetwork
from ..module import NestedClassifier
from .fake_quantization import Range, Ranges, measured_ranges, simulated_int8
from .input_range import best_input_range


class Int8Training(Callback):
    """Rounds weights and activations of all subnetworks while a module is trained, validated and tested.

    The ranges of activations are measured before each epoch and each evaluation, as `python -m bridge` will measure
    them; they follow from the weights, so a resumed training sees what an uninterrupted one does. The range of the
    input is searched once, at the weights that the training begins with.

    Args:
        batches: gives (inputs, classes) to measure on; with several processes, this one's share.
        input_range: that was found before; None searches it.
    """

    def __init__(
        self, batches: Callable[[], Iterable[tuple[Tensor, Tensor]]], input_range: Range | None = None
    ) -> None:
        self.batches = batches
        self.input_range = input_range
        self._batches: list[tuple[Tensor, Tensor]] = []
        self._ranges: Ranges = {}
        self._simulated = ExitStack()

    def state_dict(self) -> dict[str, Any]:
        """The range of the input."""
        return {"input_range": self.input_range}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with it."""
        self.input_range = state_dict["input_range"]

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Measure at the weights that the epoch begins with."""
        self._measure(_classifier(pl_module).learner)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Measure at the weights that are validated."""
        self._measure(_classifier(pl_module).net)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Measure at the weights that are tested."""
        self._measure(_classifier(pl_module).net)

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Round what is trained."""
        self._round(_classifier(pl_module).learner)

    def on_validation_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Round what is validated."""
        self._round(_classifier(pl_module).net)

    def on_test_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Round what is tested."""
        self._round(_classifier(pl_module).net)

    def on_train_batch_end(self, *_: Any) -> None:
        """Between batches the network is as ever."""
        self._simulated.close()

    def on_validation_batch_end(self, *_: Any) -> None:
        """Between batches the network is as ever."""
        self._simulated.close()

    def on_test_batch_end(self, *_: Any) -> None:
        """Between batches the network is as ever."""
        self._simulated.close()

    def on_exception(self, *_: Any) -> None:
        """A batch that was not ended leaves the network as it was."""
        self._simulated.close()

    def _round(self, net: NestedNetwork) -> None:
        self._simulated.enter_context(simulated_int8(net, self._ranges))

    def _measure(self, net: NestedNetwork) -> None:
        if not self._batches:
            device = next(net.parameters()).device
            self._batches = [(inputs.to(device), classes.to(device)) for inputs, classes in self.batches()]
        if self.input_range is None:
            self.input_range = best_input_range(net, self._batches)
        self._ranges = measured_ranges(net, [inputs for inputs, _ in self._batches], self.input_range)


def _classifier(module: L.LightningModule) -> NestedClassifier:
    assert isinstance(module, NestedClassifier)
    return module
