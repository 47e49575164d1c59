"""Time of one inference on a device: ``a * MACs + b * outputs + c`` cycles for each kind of layer."""

from __future__ import annotations

from ..nested import Count
from ..nested.network import NestedNetwork
from .device_table import DeviceTable, read_device
from .model import AdditiveCost, by_layer


def latency(net: NestedNetwork, device: DeviceTable | None = None) -> AdditiveCost:
    """Microseconds of one inference; by default on the Cortex-M4 table that comes with the project.

    Layers that multiply are counted; pooling, sums and activations of their own are not.
    """
    device = device or read_device("cortex_m4")
    parts: list[tuple[str, Count]] = []
    for layer in net.structure.layers:
        if layer.kind not in device.kinds:
            raise ValueError(
                f"the device table says nothing about {layer.kind} layers (such as '{layer.name}'); "
                f"it has {', '.join(device.kinds)}"
            )
        kind = device.kinds[layer.kind]
        cycles = layer.macs * kind.per_mac + layer.outputs * kind.per_output + Count({(): kind.per_layer})
        parts.append((layer.name, cycles * (1 / device.clock_mhz)))
    return by_layer(parts)
