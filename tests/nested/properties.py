"""What must hold of any nested network at any widths."""

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from reds_torch.costs import measure
from reds_torch.nested.network import nest


def check_every_property(model, example, share, ignore=()):
    """Active equals extracted in outputs, gradients and counted costs; full width is the model bit for bit."""
    net = nest(model, example[:1], ignore)
    net.eval()
    widths = {group.name: max(1, int(share * group.size)) for group in net.groups}
    assert torch.equal(net(example), model.eval()(example))
    small = net.extract(widths)
    with net.active(widths):
        outputs = net(example)
    expected = small(example)
    torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-6)
    assert measure(net, widths, ["macs", "parameters"]) == {
        "macs": counted_macs(small, example[:1]),
        "parameters": sum(p.numel() for p in small.parameters()),
    }
    targets = torch.arange(len(example)) % outputs.shape[1]
    F.cross_entropy(outputs, targets).backward()
    F.cross_entropy(expected, targets).backward()
    shared = dict(net.model.named_parameters())
    for name, parameter in small.named_parameters():
        if parameter.grad is None:  # nothing reads its layer
            assert shared[name].grad is None
            continue
        layouts = net.structure.layouts.get(name, {})
        kept = [
            torch.cat([torch.arange(start, start + n) for start, n in layouts[axis].segments(widths)])
            if axis in layouts
            else torch.arange(length)
            for axis, length in enumerate(shared[name].shape)
        ]
        scattered = torch.zeros_like(shared[name])
        scattered[torch.meshgrid(*kept, indexing="ij") if kept else ()] = parameter.grad
        torch.testing.assert_close(shared[name].grad, scattered, rtol=1e-4, atol=1e-6)


def counted_macs(model, example):
    """PyTorch's own counter, which counts a multiply-add as two operations and does not know fused attention."""
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        model.eval()(example)
    return counter.get_total_flops() / 2
