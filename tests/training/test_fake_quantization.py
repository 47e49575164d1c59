"""int8 while training: which values are rounded, to what, and what becomes of gradients.

That the values are those of the bridge's models is tested with the bridge: tests/bridge/test_simulated_int8.py.
"""

import copy

import lightning as L
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

import reds_torch as reds
from reds_torch.training import Int8Training, NestedClassifier, accuracies
from reds_torch.training.int8.fake_quantization import measured_ranges, rounded, rounded_weight, simulated_int8
from reds_torch.training.settings import ObjectiveSettings, TrainingSettings


def by_hand(x, low, high):
    """An int8 tensor's values, in numpy."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255
    point = np.rint(-128 - low / scale)
    return scale * (np.clip(np.rint(x / scale) + point, -128, 127) - point)


@pytest.mark.parametrize("limits", [(-3.0, 1.0), (0.5, 2.0), (-2.0, -1.0), (-1e-3, 40.0)])
def test_activations_are_rounded_to_256_steps_that_hold_zero(limits):
    x = torch.linspace(-5, 50, 1000)
    np.testing.assert_allclose(rounded(x, limits).numpy(), by_hand(x.numpy().astype(float), *limits), atol=1e-5)
    assert rounded(torch.zeros(1), limits).item() == 0


def test_a_tensor_that_is_always_zero_stays_so():
    assert torch.equal(rounded(torch.zeros(3), (0.0, 0.0)), torch.zeros(3))
    assert torch.equal(rounded_weight(torch.zeros(2, 3), 0), torch.zeros(2, 3))


def test_a_subnetworks_weights_have_the_steps_of_the_full_networks():
    weight = nn.Parameter(torch.randn(6, 5, 3, 3))
    steps = weight.detach().abs().amax((1, 2, 3), keepdim=True) / 127
    expected = (weight.detach() / steps).round() * steps
    torch.testing.assert_close(rounded_weight(weight, 0).detach(), expected)
    part = weight.narrow(0, 0, 4).narrow(1, 0, 2)
    torch.testing.assert_close(rounded_weight(part, 0).detach(), expected[:4, :2])


def test_folding_batch_norm_before_or_after_rounding_makes_no_difference():
    weight, factors = torch.randn(6, 5, dtype=torch.float32), torch.tensor([2.0, -0.5, 0.1, 3.0, -7.0, 1.0])[:, None]
    torch.testing.assert_close(rounded_weight(weight * factors, 0), factors * rounded_weight(weight, 0))


def test_gradients_pass_straight_through_where_nothing_is_clipped():
    x = torch.tensor([-9.0, -0.3, 0.1, 0.9, 9.0], requires_grad=True)
    rounded(x, (-1.0, 1.0)).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


class Spelled(nn.Module):
    """The same layers, written in several ways."""

    def __init__(self, way):
        super().__init__()
        self.way = way
        self.conv, self.other = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.norm, self.head = nn.BatchNorm2d(6), nn.Linear(6, 5)

    def forward(self, x):
        if self.way == "modules":
            x = nn.ReLU()(self.norm(self.conv(x)))
            x = nn.MaxPool2d(2)(nn.ReLU()(torch.add(self.other(x), x)))
            return self.head(nn.Flatten()(nn.AdaptiveAvgPool2d(1)(x)))
        if self.way == "in place":
            x = self.norm(self.conv(x)).relu_()
            y = self.other(x)
            y.add_(x)
            x = F.max_pool2d(F.relu(y, inplace=True), 2)
            return F.linear(x.mean((2, 3)), weight=self.head.weight, bias=self.head.bias)
        x = torch.conv2d(x, self.conv.weight, self.conv.bias, padding=1)
        x = torch.relu(F.batch_norm(x, self.norm.running_mean, self.norm.running_var, self.norm.weight, self.norm.bias))
        x = torch.max_pool2d((self.other(x) + x).relu(), 2)
        return self.head(x.flatten(2).mean(2))


@pytest.mark.parametrize("way", ["in place", "functions"])
def test_it_does_not_matter_how_a_network_is_written(way):
    torch.manual_seed(0)
    first, second = (reds.nest(Spelled(w).eval(), torch.zeros(1, 2, 8, 8)) for w in ("modules", way))
    second.load_state_dict(first.state_dict())
    x = torch.randn(9, 2, 8, 8)
    ranges = [measured_ranges(net, [x]) for net in (first, second)]
    assert len(ranges[0]) == 6  # input, convolution, sum's second operand, sum (and its maxima), mean; output
    found = []
    for net, measured in zip((first, second), ranges, strict=True):
        with simulated_int8(net, measured):
            found.append(net(x))
    torch.testing.assert_close(*found, atol=1e-5, rtol=0)
    assert not torch.equal(found[0], first(x))


def test_ranges_are_the_union_over_subnetworks_and_each_has_its_own_output(net, batch):
    ranges = measured_ranges(net, batch[0].split(5))
    outputs = {}
    for k, subnetwork in enumerate(net.subnetworks):
        y = net.extract(k).eval()(batch[0])
        outputs[tuple(subnetwork.widths.values())] = (y.min().item(), y.max().item())
    whole = tuple(net.full_widths.values())
    outputs[whole] = tuple(f(pair[i] for pair in outputs.values()) for i, f in enumerate((min, max)))
    for widths, limits in outputs.items():
        assert ranges[widths] == pytest.approx(limits, abs=1e-5)
    assert ranges[0] == pytest.approx((batch[0].min().item(), batch[0].max().item()))
    assert measured_ranges(net, [batch[0]], (-0.5, 0.25))[0] == (-0.5, 0.25)


def callback(data):
    return Int8Training(data.train_dataloader)


def test_training_as_int8_learns_what_rounding_takes_away(net, data, trainer, batch):
    """Where an outlier leaves few steps to the rest, a network that was trained with them answers better."""
    batch[0][0, 0, 0, 0] = 400.0
    coarse = (-4.0, 400.0)

    def loss(net):
        with simulated_int8(net, measured_ranges(net, [batch[0]], coarse)), torch.no_grad():
            return F.cross_entropy(net.eval()(batch[0]), batch[1])

    def trained(*callbacks):
        one = copy.deepcopy(net)
        objective = ObjectiveSettings(teacher="full")
        module = NestedClassifier(one, 5, TrainingSettings([1e-2]), objective, freeze_batch_norm=True).train()
        trainer(max_epochs=30, callbacks=list(callbacks)).fit(module, data)
        torch.testing.assert_close(one.eval()(batch[0]), one.extract(0).eval()(batch[0]))
        return one

    assert loss(trained(Int8Training(data.train_dataloader, coarse))) < 0.7 * loss(trained())


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_a_resumed_training_is_the_uninterrupted_one(net, data, trainer, tmp_path, averaging):
    net.own_batch_norm("statistics")

    class Stop(L.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            trainer.should_stop = trainer.current_epoch == 1

    def trained(one, *callbacks, resumed=None):
        last = ModelCheckpoint(tmp_path, filename="last", enable_version_counter=False)
        int8 = callback(data)
        settings = TrainingSettings([1e-2], averaging=averaging)
        module = NestedClassifier(one, 5, settings, freeze_batch_norm=True).train()
        fitting = trainer(max_epochs=3, enable_checkpointing=True, callbacks=[last, int8, *callbacks])
        fitting.fit(module, data, ckpt_path=resumed, weights_only=True)
        return one, int8.input_range

    whole, limits = trained(copy.deepcopy(net))
    trained(copy.deepcopy(net), Stop())
    resumed, again = trained(copy.deepcopy(net), resumed=tmp_path / "last.ckpt")
    assert again == limits
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_what_is_tested_is_int8_and_the_network_itself_afterwards(net, data, trainer, batch):
    module, seen = NestedClassifier(net, 5), []

    class See(L.Callback):
        def on_test_batch_start(self, trainer, pl_module, batch, *_):
            seen.append(net(batch[0]))

    int8 = callback(data)
    accuracies(trainer(callbacks=[int8, See()]), module, data)
    with simulated_int8(net, measured_ranges(net, [batch[0]], int8.input_range)), torch.no_grad():
        torch.testing.assert_close(torch.cat(seen), net(batch[0]))
    torch.testing.assert_close(net(batch[0]), net.extract(0).eval()(batch[0]))
    assert not torch.allclose(net(batch[0]), torch.cat(seen))


def test_a_forward_that_fails_leaves_nothing_behind(net, batch):
    ranges = measured_ranges(net, [batch[0]])
    with simulated_int8(net, ranges), pytest.raises(RuntimeError):
        net(batch[0][:, :1])
    torch.testing.assert_close(net(batch[0]), net.extract(0).eval()(batch[0]))
