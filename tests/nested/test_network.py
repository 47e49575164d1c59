import copy

import pytest
import torch
from torch import nn

from reds_torch.models import dnn
from reds_torch.nested import Subnetwork
from reds_torch.nested.network import nest


def test_nesting_leaves_the_modes_of_the_model(residual):
    residual.train()
    residual.norm.eval()
    net = nest(residual, torch.zeros(1, 2, 8, 6))
    assert [m.training for m in net.model.modules()] == [m.training for m in residual.modules()]
    assert net.training


def test_a_subnetwork_is_as_small_as_its_widths():
    net = nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    small = net.extract({"fc1": 3, "fc2": 5, "fc3": 7})
    assert [m.weight.shape for m in small if isinstance(m, nn.Linear)] == [(3, 250), (5, 3), (7, 5), (12, 7)]
    assert [m.in_features for m in small if isinstance(m, nn.Linear)] == [250, 3, 5, 7]


def test_an_extracted_network_owns_its_weights():
    net = nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    small = net.extract({"fc1": 144, "fc2": 3, "fc3": 3})
    with torch.no_grad():
        small.fc1.weight.zero_()
    assert net.model.fc1.weight.abs().sum() > 0


def test_nesting_copies_unless_told_otherwise():
    model = dnn("s")
    assert nest(model, torch.zeros(1, 1, 25, 10)).model is not model
    assert nest(model, torch.zeros(1, 1, 25, 10), copy=False).model is model


def test_batch_norm_of_a_subnetwork_trains_the_shared_statistics(residual):
    net = nest(residual, torch.zeros(1, 2, 8, 6))
    before = net.model.norm.running_mean.clone()
    net.train()
    with net.active({"stem": 2}):
        net(torch.randn(8, 2, 8, 6))
    changed = net.model.norm.running_mean != before
    assert changed.tolist() == [True, True, False, False, False, False]


class TwoBranches(nn.Module):
    """Batch norm over the channels of two layers."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 1), nn.Conv2d(2, 3, 1)
        self.norm, self.head = nn.BatchNorm2d(7), nn.Linear(7, 3)

    def forward(self, x):
        return self.head(self.norm(torch.cat([self.a(x), self.b(x)], 1)).mean((2, 3)))


def test_batch_norm_over_several_groups_trains_the_shared_statistics():
    net = nest(TwoBranches(), torch.zeros(1, 2, 3, 3)).train()
    small = net.extract({"a": 2, "b": 1}).train()
    x = torch.randn(8, 2, 3, 3)
    with net.active({"a": 2, "b": 1}):
        net(x)
    small(x)
    assert torch.equal(net.model.norm.running_var[[0, 1, 4]], small.norm.running_var)
    assert torch.equal(net.model.norm.running_var[[2, 3, 5, 6]], torch.ones(4))
    net.eval()
    before = net.model.norm.running_var.clone()
    with net.active({"a": 2, "b": 1}):
        net(x)
    assert torch.equal(net.model.norm.running_var, before)


def test_the_model_is_whole_again_after_a_subnetwork_ran(residual):
    net = nest(residual, torch.zeros(1, 2, 8, 6))
    parameters, attributes = dict(net.model.named_parameters()), repr(net.model)
    for failing in (False, True):
        with net.active({"stem": 2, "hidden": 3}):
            if failing:
                with pytest.raises(RuntimeError):
                    net(torch.zeros(1, 3, 8, 6))
            else:
                net(torch.zeros(1, 2, 8, 6))
        assert repr(net.model) == attributes
        now = dict(net.model.named_parameters())
        assert now.keys() == parameters.keys()
        assert all(now[name] is parameter for name, parameter in parameters.items())


def test_a_copy_of_a_network_runs_on_its_own_weights(residual):
    net = nest(residual, torch.zeros(1, 2, 8, 6))
    x, widths = torch.randn(2, 2, 8, 6), {"stem": 2, "hidden": 3}
    with net.active(widths):
        before = net(x)
        copied = copy.deepcopy(net)
        with torch.no_grad():
            for parameter in copied.parameters():
                parameter.zero_()
        assert torch.equal(net(x), before)
    with copied.active(widths):
        assert torch.equal(copied(x), torch.zeros(2, 5))


def test_modes_follow_the_shared_model(residual):
    """A batch norm that is frozen in the shared model is frozen in every subnetwork."""
    net = nest(residual, torch.zeros(1, 2, 8, 6)).train()
    net.model.norm.eval()
    before = net.model.norm.running_mean.clone()
    with net.active({"stem": 2}):
        net(torch.randn(8, 2, 8, 6))
    assert torch.equal(net.model.norm.running_mean, before)


def test_active_is_restored_after_an_error():
    net = nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    with pytest.raises(RuntimeError, match="mine"), net.active({"fc1": 2}):
        raise RuntimeError("mine")
    assert torch.equal(net(torch.ones(1, 1, 25, 10)), net.model(torch.ones(1, 1, 25, 10)))


@pytest.mark.parametrize(
    ("which", "error", "message"),
    [
        (4, IndexError, "no subnetwork 4: there are 0 to 0"),
        ({"fc9": 1}, KeyError, "fc9"),
        ({"fc1": 0}, ValueError, "1 to 144, not 0"),
        ({"fc1": 145}, ValueError, "1 to 144, not 145"),
        ({"fc1": 2.5}, ValueError, "1 to 144, not 2.5"),
    ],
)
def test_impossible_widths_are_refused(which, error, message):
    net = nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    with pytest.raises(error, match=message):
        net.activate(which)


def test_the_first_subnetwork_is_the_full_one():
    net = nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    with pytest.raises(ValueError, match="must be the full network"):
        net.subnetworks = (Subnetwork({"fc1": 1, "fc2": 1, "fc3": 1}),)


@pytest.fixture
def owning(residual):
    """Three subnetworks, of which two share widths with no other."""
    net = nest(residual, torch.zeros(1, 2, 8, 6))
    widths = ((6, 7), (4, 5), (2, 2))
    net.subnetworks = [Subnetwork({"stem": stem, "hidden": hidden}) for stem, hidden in widths]
    return net


@pytest.mark.parametrize("kind", ["statistics", "separate"])
def test_a_subnetwork_uses_what_it_owns_and_so_does_its_extracted_network(owning, kind):
    inputs = torch.randn(5, 2, 8, 6)
    with owning.active(1):
        shared = owning(inputs)
    owning.own_batch_norm(kind)
    with owning.active(1):
        assert torch.equal(owning(inputs), shared)  # copies, to begin with
    with torch.no_grad():
        owning.own[1].tensors()["norm.running_mean"].add_(1)
        if kind == "separate":
            owning.own[1].tensors()["norm.weight"].mul_(2)
    for k in range(3):
        with owning.active(k):
            torch.testing.assert_close(owning(inputs), owning.extract(k)(inputs), rtol=1e-5, atol=1e-6)
    with owning.active(1):
        assert not torch.allclose(owning(inputs), shared)
    with owning.active({"stem": 4, "hidden": 4}):  # no subnetwork: the shared ones
        assert torch.allclose(owning(inputs), owning.extract({"stem": 4, "hidden": 4})(inputs), atol=1e-6)


def test_training_moves_a_subnetworks_own_statistics_and_no_others(owning):
    owning.own_batch_norm("separate")
    before = {name: tensor.clone() for name, tensor in owning.state_dict().items() if "running_mean" in name}
    names = dict(owning.named_buffers())
    owning.train()
    with owning.active(2):
        owning(torch.randn(5, 2, 8, 6)).sum().backward()
    assert all(torch.equal(names[name], tensor) for name, tensor in before.items())
    assert owning.own[2].tensors()["norm.weight"].grad is not None
    assert owning.model.norm.weight.grad is None


def test_groups_that_a_subnetwork_leaves_out_are_full(residual):
    net = nest(residual, torch.zeros(1, 2, 8, 6))
    net.subnetworks = (*net.subnetworks, Subnetwork({"stem": 2}))
    assert net.subnetworks[1].widths == {"stem": 2, "hidden": 7}
    with net.active(1):
        assert net(torch.zeros(1, 2, 8, 6)).shape == (1, 5)
