import pytest
import torch

import reds_torch as reds
from reds_torch.training import recalibrate
from reds_torch.training.batch_norm import population_statistics


@pytest.fixture
def net(residual):
    net = reds.nest(residual, torch.zeros(1, 2, 8, 6))
    net.subnetworks = [reds.Subnetwork(w) for w in ({"stem": 6, "hidden": 7}, {"stem": 3, "hidden": 5})]
    return net


def test_statistics_are_those_of_the_whole_population(net):
    batches = [torch.randn(n, 2, 8, 6) for n in (4, 7)]
    small = net.extract(1)
    found = population_statistics(small, batches)
    before_norm = small.stem(torch.cat(batches)).transpose(0, 1).flatten(1).double()
    torch.testing.assert_close(found["norm.running_mean"].double(), before_norm.mean(1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found["norm.running_var"].double(), before_norm.var(1), rtol=1e-5, atol=1e-6)


def test_measuring_leaves_the_model_as_it_was(net):
    before = {name: tensor.clone() for name, tensor in net.model.state_dict().items()}
    population_statistics(net.model, [torch.randn(4, 2, 8, 6)])
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.model.state_dict().items())
    assert not net.model.norm.training


def test_every_subnetwork_gets_its_own(net, tmp_path):
    batches = [torch.randn(8, 2, 8, 6)]
    expected = [population_statistics(net.extract(k), batches) for k in range(2)]
    recalibrate(net, batches)
    reds.save(net, tmp_path / "net.ckpt")
    fresh = type(net.model)()
    for one in (net, reds.load(tmp_path / "net.ckpt", model=fresh)):
        for k in range(2):
            own = one.extract(k).state_dict()
            for name, statistics in expected[k].items():
                torch.testing.assert_close(own[name], statistics)


@pytest.mark.parametrize("batches", [[], [torch.zeros(1, 2, 8, 6)]])
def test_too_few_samples_are_refused(net, batches):
    with pytest.raises(ValueError, match="at least one batch, and at least two samples"):
        recalibrate(net, batches)
