"""Random small networks made of the supported layers: whatever they are, the same properties hold."""

import random

import pytest
import torch
from properties import check_every_property
from torch import nn


class RandomNetwork(nn.Module):
    """A random program over maps of equal height and width, then a flatten or a mean and linear layers."""

    def __init__(self, seed, size=4):
        super().__init__()
        choose = random.Random(seed)
        self.layers = nn.ModuleList()
        self.program = []  # (operation, layer or None, indices of earlier maps)
        channels = [choose.randint(1, 3)]  # of each map made so far; the first is the input
        self.inputs = (channels[0], size, size)
        for _ in range(choose.randint(2, 7)):
            operation = choose.choice(["conv", "conv", "conv", "depthwise", "norm", "act", "add", "gate", "concat"])
            at = choose.randrange(len(channels))
            width, layer, sources = channels[at], None, [at]
            if operation == "conv":
                width = choose.randint(1, 6)
                bias = choose.random() < 0.5
                layer = nn.Conv2d(channels[at], width, choose.choice([1, 3]), padding="same", bias=bias)
            elif operation == "depthwise":
                width = channels[at] * choose.choice([1, 2])
                layer = nn.Conv2d(channels[at], width, 3, padding=1, groups=channels[at])
            elif operation == "norm":
                layer = nn.BatchNorm2d(width)
                nn.init.uniform_(layer.running_var, 0.5, 2)
            elif operation == "act":
                kinds = [nn.ReLU(), nn.Hardswish(), nn.PReLU(width), nn.LeakyReLU(), nn.MaxPool2d(3, 1, 1)]
                layer = choose.choice(kinds)
            else:
                partners = [i for i, c in enumerate(channels) if operation == "concat" or c == width]
                sources.append(choose.choice(partners))
                width = channels[at] + channels[sources[1]] if operation == "concat" else width
            if layer is not None:
                self.layers.append(layer)
            self.program.append((operation, None if layer is None else len(self.layers) - 1, sources))
            channels.append(width)
        self.last = nn.Conv2d(channels[-1], 4, 1)
        self.flat = choose.random() < 0.5
        self.hidden = nn.Linear(4 * size * size if self.flat else 4, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        maps = [x]
        for operation, layer, sources in self.program:
            if layer is not None:
                maps.append(self.layers[layer](maps[sources[0]]))
                continue
            a, b = (maps[s] for s in sources)
            if operation == "concat":
                maps.append(torch.cat([a, b], 1))
            else:
                maps.append(a + b if operation == "add" else a * b.sigmoid())
        x = self.last(maps[-1])
        return self.head(self.hidden(x.flatten(1) if self.flat else x.mean((2, 3))).relu())


@pytest.mark.parametrize("seed", range(300))
def test_random_network(seed):
    model = RandomNetwork(seed)
    check_every_property(model, torch.randn(2, *model.inputs), [0.9, 0.5, 0.2])
