"""What a subnetwork owns for itself: batch norm's statistics, or its scale and shift, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .slicing import cut, cuts
from .tracing import Trace
from .widths import Widths

# "shared": nothing of its own; "statistics": running mean and variance; "separate": scale and shift as well
BatchNormKind = Literal["shared", "statistics", "separate"]


class OwnTensors(nn.Module):
    """Tensors of one subnetwork that stand in for the shared ones of the same names."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.names = tuple(tensors)
        for i, tensor in enumerate(tensors.values()):
            if isinstance(tensor, nn.Parameter):
                self.register_parameter(str(i), tensor)
            else:
                self.register_buffer(str(i), tensor)

    def tensors(self) -> dict[str, Tensor]:
        """By the shared tensors' names."""
        return {name: getattr(self, str(i)) for i, name in enumerate(self.names)}


def own_batch_norm(model: nn.Module, structure: Trace, widths: Widths, kind: BatchNormKind) -> OwnTensors:
    """Copies of the shared batch norm's first channels, to begin with."""
    if kind not in get_args(BatchNormKind):
        raise ValueError(f"there is no kind of batch norm {kind!r}; there are: {', '.join(get_args(BatchNormKind))}")
    tensors: dict[str, Tensor] = {}
    for module_name, module in model.named_modules():
        if not isinstance(module, _BatchNorm) or kind == "shared":
            continue
        for name, buffer in module.named_buffers(module_name, recurse=False):
            tensors[name] = cut(buffer, cuts(structure.layouts.get(name, {}), widths)).clone()
        for name, parameter in module.named_parameters(module_name, recurse=False):
            if kind == "separate":
                part = cut(parameter.detach(), cuts(structure.layouts.get(name, {}), widths))
                tensors[name] = nn.Parameter(part.clone())
    return OwnTensors(tensors)
