"""What every subnetwork of the int8 model does on the runtimes, beside the network in torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.table import Table

from reds_torch.nested.network import NestedNetwork

from .conversion.converter import FloatModel
from .conversion.onnx2tf_process import channels_last
from .error import BridgeError
from .isolation import isolated
from .model_file.subnetworks import cut
from .model_file.table import SubnetworkTable
from .runtimes import Arena, input_output, quantized, run_each, run_litert, run_micro
from .samples import Samples

# of float32 outputs that were added up in another order, relative to the largest
_FLOAT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Verified:
    """A subnetwork of the int8 model, cut out of it, on the test samples.

    Attributes:
        float_accuracy: of the network in torch; accuracies and agreements are shares between 0 and 1.
        float_difference: largest difference of the float32 model's outputs from torch's.
        micro_accuracy: in TensorFlow Lite Micro.
        litert_accuracy: in LiteRT.
        agreement: how often TensorFlow Lite Micro's class is torch's.
        runtimes_agree: how often LiteRT's class is TensorFlow Lite Micro's.
        runtimes_differ: largest difference of their int8 outputs.
        size: bytes of the cut model.
        arena: memory that TensorFlow Lite Micro takes for it.
        outputs: (N, classes) int8, TensorFlow Lite Micro's.
        output_scale: real value of a step of the outputs.
        output_zero_point: output that stands for zero.
    """

    float_accuracy: float
    float_difference: float
    micro_accuracy: float
    litert_accuracy: float
    agreement: float
    runtimes_agree: float
    runtimes_differ: int
    size: int
    arena: Arena
    outputs: np.ndarray
    output_scale: float
    output_zero_point: int

    @property
    def drop(self) -> float:
        """Percentage points of accuracy that TensorFlow Lite Micro loses against torch."""
        return 100 * (self.float_accuracy - self.micro_accuracy)


def verify(
    net: NestedNetwork, first: int, floats: FloatModel, data: bytes, table: SubnetworkTable, samples: Samples
) -> list[Verified]:
    """Run every subnetwork in torch, as a float32 model, and as an int8 model in both runtimes.

    Each runtime has a process of its own, since both can crash.

    Args:
        net: the nested network.
        first: its subnetwork that is the model's full one.
        floats: its float32 models.
        data: the int8 model.
        table: its subnetworks.
        samples: to run it on.

    Raises:
        BridgeError: a float32 model computes something else than torch, or a runtime refuses a model or crashes on it.
    """
    inputs = channels_last(samples.inputs)
    stored = quantized(inputs, input_output(data)[0])
    models = [cut(data, table, k) for k in range(len(table.subnetworks))]
    in_litert = [(model, inputs) for model in floats.subnetworks] + [(model, stored) for model in models]
    answers = isolated("LiteRT", run_each, run_litert, in_litert)
    micro = isolated("TensorFlow Lite Micro", run_each, run_micro, [(model, stored) for model in models])
    return [
        _verified(k, models[k], logits, answers[k], answers[len(models) + k], micro[k], samples.labels)
        for k, logits in enumerate(torch_outputs(net, first, samples.inputs))
    ]


def torch_outputs(net: NestedNetwork, first: int, inputs: np.ndarray) -> list[np.ndarray]:
    """Outputs (N, classes) of every subnetwork from ``first`` on, in torch."""
    found = []
    for k in range(first, len(net.subnetworks)):
        module = net.extract(k).eval()
        with torch.inference_mode():
            found.append(torch.cat([module(batch) for batch in torch.from_numpy(inputs).split(100)]).numpy())
    return found


def _verified(
    k: int,
    model: bytes,
    logits: np.ndarray,
    real: np.ndarray,
    litert: np.ndarray,
    of_micro: tuple[np.ndarray, Arena],
    labels: np.ndarray,
) -> Verified:
    """What subnetwork k does: in torch, as a float32 model, as an int8 model in LiteRT and in TensorFlow Lite Micro."""
    difference = float(np.abs(real - logits).max())
    if difference > _FLOAT_TOLERANCE * max(1.0, float(np.abs(logits).max())):
        raise BridgeError(
            f"the converted float32 model of subnetwork {k} differs from torch by {difference:.3g}: the conversion "
            f"changed the network"
        )
    micro, arena = of_micro
    classes, micro_classes, litert_classes = (outputs.argmax(1) for outputs in (logits, micro, litert))
    quantization = input_output(model)[1]
    return Verified(
        float_accuracy=float((classes == labels).mean()),
        float_difference=difference,
        micro_accuracy=float((micro_classes == labels).mean()),
        litert_accuracy=float((litert_classes == labels).mean()),
        agreement=float((micro_classes == classes).mean()),
        runtimes_agree=float((litert_classes == micro_classes).mean()),
        runtimes_differ=int(np.abs(micro.astype(int) - litert).max()),
        size=len(model),
        arena=arena,
        outputs=micro,
        output_scale=quantization.scale,
        output_zero_point=quantization.zero_point,
    )


def verification_table(title: str, table: SubnetworkTable, verified: Sequence[Verified]) -> Table:
    """One row for each subnetwork."""
    printed = Table(title=title, title_justify="left")
    columns = ["", "widths", "MACs", "torch %", "TFLM %", "drop", "LiteRT %", "TFLM = torch", "LiteRT = TFLM"]
    for name in [*columns, "float diff", "model", "arena", "activations", "computed"]:
        printed.add_column(name, justify="left" if name in ("", "widths") else "right")
    for k, (row, result) in enumerate(zip(table.subnetworks, verified, strict=True)):
        printed.add_row(
            str(k),
            _shortened([str(widths[k]) for widths in table.widths]),
            f"{row.macs:,}",
            *(f"{100 * share:.1f}" for share in (result.float_accuracy, result.micro_accuracy)),
            f"{result.drop:+.1f}",
            f"{100 * result.litert_accuracy:.1f}",
            f"{100 * result.agreement:.1f}%",
            f"{100 * result.runtimes_agree:.1f}%",
            f"{result.float_difference:.0e}",
            f"{result.size:,} B",
            f"{result.arena.total:,} B",
            f"{result.arena.activations:,} B",
            f"{row.peak_memory:,} B",
        )
    return printed


def as_json(
    net: NestedNetwork, first: int, table: SubnetworkTable, verified: Sequence[Verified]
) -> list[dict[str, Any]]:
    """What verification.json says of each subnetwork."""
    return [
        {
            "widths": dict(subnetwork.widths),
            "macs": row.macs,
            "peak_memory": row.peak_memory,
            "microseconds": row.microseconds,
            "nanojoules": row.nanojoules,
            "accuracy": {"torch": found.float_accuracy, "micro": found.micro_accuracy, "litert": found.litert_accuracy},
            "agreement": {"micro_torch": found.agreement, "litert_micro": found.runtimes_agree},
            "float_difference": found.float_difference,
            "runtimes_differ": found.runtimes_differ,
            "size": found.size,
            "arena": {"activations": found.arena.activations, "persistent": found.arena.persistent},
            "output": {"scale": found.output_scale, "zero_point": found.output_zero_point},
        }
        for subnetwork, row, found in zip(net.subnetworks[first:], table.subnetworks, verified, strict=True)
    ]


def _shortened(widths: Sequence[str]) -> str:
    return " ".join(widths if len(widths) <= 6 else [*widths[:3], "...", widths[-1]])
