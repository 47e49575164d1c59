"""Small networks with subnetworks, each with something that the way to a TensorFlow Lite model must get right."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import reds_torch as reds
from reds_torch.models.padding import SameConv2d
from reds_torch.nested import Subnetwork
from reds_torch.nested.network import NestedNetwork


def dense() -> nn.Sequential:
    """A flatten of several channels, a layer without activation (its bias is moved), batch norm behind a layer."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(3 * 4 * 2, 10),
        nn.ReLU(),
        nn.Linear(10, 6),
        nn.Linear(6, 8, bias=False),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Linear(8, 4),
    )


def flattened() -> nn.Sequential:
    """Asymmetric 'same' padding, a flatten of a map whose channels are cut, clear answers, the same to any silence."""
    model = nn.Sequential(
        SameConv2d(1, 7, (4, 3), (2, 2), (9, 6)),
        nn.BatchNorm2d(7),
        nn.ReLU(),
        nn.Conv2d(7, 5, (3, 2)),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(5 * 3 * 2, 6),
        nn.ReLU(),
        nn.Linear(6, 4),
    )
    with torch.no_grad():
        model[0].weight.abs_()
        model[-1].weight.mul_(60)
    return model


def separable() -> nn.Sequential:
    """Depth-wise and point-wise convolutions with batch norm, leaky ReLU, and a global average."""
    return nn.Sequential(
        SameConv2d(1, 8, (3, 3), (2, 2), (8, 8)),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        SameConv2d(8, 8, (3, 3), (1, 1), (4, 4), groups=8),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 9, 1),
        nn.BatchNorm2d(9),
        nn.LeakyReLU(0.3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(9, 4),
    )


class Residual(nn.Module):
    """A residual sum, max pooling, ReLU6."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.inner = nn.Conv2d(6, 8, 3, padding=1)
        self.outer = nn.Conv2d(8, 6, 3, padding=1)
        self.last = nn.Conv2d(6, 7, 1)
        self.head = nn.Linear(7, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(x + self.outer(nn.functional.relu6(self.inner(x))))
        x = torch.relu(self.last(nn.functional.max_pool2d(x, 2)))
        return self.head(x.mean((2, 3)))


class Cancelling(nn.Sequential):
    """Two halves of the units cancel, so that the full network's sums are small, and those of the first half large."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3))
        with torch.no_grad():
            self[0].weight[8:] = self[0].weight[:8]
            self[0].bias[8:] = self[0].bias[:8]
            self[2].weight[:, 8:] = -self[2].weight[:, :8] + 0.01 * torch.randn(6, 8)
            self[2].bias.fill_(0.02)


# input shape and the width of each group, of each subnetwork
NETWORKS = {
    "dense": (dense, (3, 4, 2), [(10, 6, 8), (7, 6, 5), (3, 2, 1)]),
    "flattened": (flattened, (1, 9, 6), [(7, 5, 6), (6, 3, 6), (2, 1, 3)]),
    "separable": (separable, (1, 8, 8), [(8, 9), (5, 8), (1, 3)]),
    "cancelling": (Cancelling, (8,), [(16, 6), (8, 6)]),
    "residual": (Residual, (3, 6, 6), [(6, 8, 7), (5, 4, 6), (2, 1, 2)]),
}


def network(name: str) -> NestedNetwork:
    """A network of the table with random weights, batch norm included, and its subnetworks."""
    build, input_shape, widths = NETWORKS[name]
    random = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_(generator=random)
            module.running_var.uniform_(0.5, 2, generator=random)
            nn.init.uniform_(module.weight, 0.5, 2, generator=random)
            nn.init.normal_(module.bias, generator=random)
    net = reds.nest(model.eval(), torch.zeros(1, *input_shape))
    groups = [group.name for group in net.groups]
    net.subnetworks = [Subnetwork(dict(zip(groups, row, strict=True))) for row in widths]
    return net


def inputs(net: NestedNetwork, count: int = 64) -> Tensor:
    """Random samples."""
    return torch.randn(count, *net.input_shape[1:], generator=torch.Generator().manual_seed(1))
