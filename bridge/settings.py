"""How a model is made; checked before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reds_torch.training.settings import CALIBRATION_SAMPLES

from .error import BridgeError

# every result folder has it
RESULTS = "verification.json"
# "shared": one quantization for all subnetworks; "output": the model's output has a scale for each subnetwork; "own":
# every tensor between layers has
RangeKind = Literal["shared", "output", "own"]


@dataclass(frozen=True)
class BuildSettings:
    """How a model is made.

    Attributes:
        first: subnetwork of the checkpoint that becomes the model's full network.
        subnetworks: those that are written as models of their own, too, by their numbers in the model; None: all.
        ranges: which tensors a subnetwork quantizes in its own way.
        input_range: the best that is found, or all of the calibration data's.
        percentile: of the values of an activation that its range holds.
        calibration_samples: training samples that ranges are read off.
        calibration: a file of samples instead.
        test_samples: most test samples to verify the model on.
        test_inputs: how many of them go into the C sources.
        dynamic_batch: the ONNX file takes batches of any size.
    """

    first: int = 0
    subnetworks: tuple[int, ...] | None = ()
    ranges: RangeKind = "output"
    input_range: Literal["search", "full"] = "search"
    percentile: float = 100.0
    calibration_samples: int = CALIBRATION_SAMPLES
    calibration: Path | None = None
    test_samples: int = 1000
    test_inputs: int = 8
    dynamic_batch: bool = False

    def __post_init__(self) -> None:
        if not 90 <= self.percentile <= 100:
            raise BridgeError(f"--percentile must lie between 90 and 100, not be {self.percentile:g}")
        for name in ("calibration_samples", "test_samples", "test_inputs"):
            if getattr(self, name) < 1:
                raise BridgeError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(self, name)}")

    def wanted(self, count: int) -> tuple[int, ...]:
        """The subnetworks to write, of a model that has so many.

        Raises:
            BridgeError: there is one less.
        """
        wanted = tuple(range(count)) if self.subnetworks is None else self.subnetworks
        for k in wanted:
            if not 0 <= k < count:
                raise BridgeError(f"--subnetwork {k}: the model has the subnetworks 0 to {count - 1}")
        return wanted
