"""What must hold of any nested network at any widths."""

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from reds_torch.costs import measure
from reds_torch.nested.network import nest


def check_every_property(model, example, shares, ignore=()):
    """Full width is the model bit for bit; at each share of the widths, active equals extracted: see below."""
    net = nest(model, example[:1], ignore).eval()
    assert torch.equal(net(example), model.eval()(example))
    everywhere = [{group.name: max(1, int(share * group.size)) for group in net.groups} for share in shares]
    for widths in everywhere:
        check_outputs_and_costs(net, example, widths)
    net.double()
    for widths in everywhere:
        check_gradients(net, example.double() if example.is_floating_point() else example, widths)


def check_outputs_and_costs(net, example, widths):
    """Outputs to 1e-5 relative; counted costs against PyTorch's own counter and the small network's parameters."""
    small = net.extract(widths)
    with torch.no_grad(), net.active(widths):
        torch.testing.assert_close(net(example), small(example), rtol=1e-5, atol=1e-6)
    assert measure(net, widths, ["macs", "parameters"]) == {
        "macs": counted_macs(small, example[:1]),
        "parameters": sum(p.numel() for p in small.parameters()),
    }


def check_gradients(net, example, widths):
    """The shared weights' gradients are those of the extracted network, scattered; in float64, to 1e-5 relative."""
    small = net.extract(widths)
    net.zero_grad()
    with net.active(widths):
        outputs = net(example)
    targets = torch.arange(len(example)) % outputs.shape[1]
    F.cross_entropy(outputs, targets).backward()
    F.cross_entropy(small(example), targets).backward()
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
        torch.testing.assert_close(shared[name].grad, scattered, rtol=1e-5, atol=1e-10)


def disturb(model):
    """Weights and statistics away from the zeros and ones that some start as, which would hide errors."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 2)
    return model


def counted_macs(model, example):
    """PyTorch's own counter, which counts a multiply-add as two operations and does not know fused attention."""
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        model.eval()(example)
    return counter.get_total_flops() / 2
