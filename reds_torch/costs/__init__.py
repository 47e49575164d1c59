"""Cost models by name; each maps a nested network to a cost as a function of the widths."""

from collections.abc import Iterable
from functools import partial

from ..nested import Count, Widths
from ..nested.network import NestedNetwork
from .device_table import DeviceTable, read_device
from .energy import energy
from .latency import latency
from .macs import macs
from .memory import largest_activation, peak_memory, weight_memory
from .model import AdditiveCost, Cost, CostModel, PeakCost
from .parameters import parameters

COSTS: dict[str, CostModel] = {
    "macs": macs,
    "parameters": parameters,
    "peak_memory": peak_memory,
    "largest_activation": largest_activation,
    "weight_memory": weight_memory,
    "latency": latency,
    "energy": energy,
}
# those that every report shows
BASIC = ("macs", "parameters", "peak_memory")


def register_cost(name: str, model: CostModel) -> None:
    """Make a cost known under a name, for budgets, limits and `measure`; a known name is replaced.

    ``model`` maps a nested network to an `AdditiveCost` or a `PeakCost`, whose parts are `Count`: polynomials in
    the widths.

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.costs import AdditiveCost, Count
        >>> from reds_torch.models import dnn
        >>> def units(net):
        ...     return AdditiveCost({group.name: Count({(group.name,): 1}) for group in net.groups})
        >>> reds.register_cost("units", units)
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> reds.measure(net, {"fc1": 10}, ["units"])
        {'units': 298.0}
    """
    COSTS[name] = model


def register_device(name_or_path: str) -> DeviceTable:
    """Let "latency" and "energy" mean those of a device: a shipped table's name or a CSV file.

    Example:
        >>> import reds_torch as reds
        >>> device = reds.register_device("cortex_m4")
        >>> device.clock_mhz, sorted(device.kinds)
        (64.0, ['attention', 'conv', 'grouped', 'linear'])
    """
    device = read_device(name_or_path)
    register_cost("latency", partial(latency, device=device))
    register_cost("energy", partial(energy, device=device))
    return device


def cost_of(name: str, net: NestedNetwork) -> Cost:
    """A network's cost of this name.

    Raises:
        ValueError: there is no such cost, or what its model returns is none.
    """
    cost = cost_model(name)(net)
    if not isinstance(cost, AdditiveCost | PeakCost):
        raise ValueError(f"the model of cost '{name}' returns {cost!r}, not an AdditiveCost or a PeakCost")
    return cost


def cost_model(name: str) -> CostModel:
    """The cost model of this name; unknown names are refused with what exists."""
    if name not in COSTS:
        raise ValueError(f"there is no cost '{name}'; there are: {', '.join(COSTS)}")
    return COSTS[name]


def measure(net: NestedNetwork, widths: Widths, names: Iterable[str] = BASIC) -> dict[str, float]:
    """The costs of a subnetwork with these widths; groups that are left out have their full width.

    Example:
        >>> import torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> reds.measure(net, {"fc1": 10, "fc2": 20}, ["macs", "parameters"])
        {'macs': 7308.0, 'parameters': 7494.0}
    """
    return {name: float(cost_of(name, net)(net.widths(widths))) for name in names}


__all__ = [
    "BASIC",
    "COSTS",
    "AdditiveCost",
    "Cost",
    "CostModel",
    "Count",
    "DeviceTable",
    "PeakCost",
    "cost_model",
    "cost_of",
    "measure",
    "read_device",
    "register_cost",
    "register_device",
]
