"""Energy of one inference on a device: active power times latency, and what moving the data costs."""

from __future__ import annotations

from ..nested.network import NestedNetwork
from .device_table import DeviceTable, read_device
from .latency import latency
from .model import AdditiveCost, by_layer


def energy(net: NestedNetwork, device: DeviceTable | None = None) -> AdditiveCost:
    """Microjoules of one inference; by default on the Cortex-M4 table that comes with the project.

    Memory traffic is every weight read once and every activation written once and read by each of its readers,
    one byte each (int8).
    """
    device = device or read_device("cortex_m4")
    structure = net.structure
    work = [(name, time * (device.active_power_mw / 1000)) for name, time in latency(net, device).parts.items()]
    per_byte = device.nanojoules_per_byte / 1000
    weights = [(layer.name, net.elements(layer.weight) * per_byte) for layer in structure.layers if layer.weight]
    moved = [
        (step.name, structure.activations[activation] * per_byte)
        for step in structure.steps
        for activation in (*step.reads, step.writes)
    ]
    return by_layer([*work, *weights, *moved])
