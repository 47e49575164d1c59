import copy

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

import reds_torch as reds
from reds_torch.training import NestedClassifier, SearchAgain, parameter_shares, search_epochs
from reds_torch.training.settings import TrainingSettings


@pytest.mark.parametrize(
    ("searches", "epochs", "expected"),
    [(1, 60, [30]), (3, 60, [10, 20, 30]), (2, 4, [1, 2]), (9, 4, [1, 2]), (0, 4, [])],
)
def test_searches_are_spread_over_the_first_half(searches, epochs, expected):
    assert search_epochs(searches, epochs) == expected


def again(batch, widths=None):
    """Scores on the batch; chooses the widths given, or those there are."""

    def search(net, scores):
        chosen = widths or [s.widths for s in net.subnetworks]
        return [reds.Subnetwork(w, reds.measure(net, w)) for w in chosen]

    return SearchAgain([2], lambda net: reds.score(net, [batch]), search)


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_the_full_network_trains_on_as_if_no_unit_had_moved(net, batch, data, trainer, averaging):
    net.subnetworks = net.subnetworks[:1]
    other = copy.deepcopy(net)
    settings = TrainingSettings([1e-2], averaging=averaging)
    trainer(max_epochs=4).fit(NestedClassifier(net, 5, settings).eval(), data)
    trainer(max_epochs=4, callbacks=[again(batch)]).fit(NestedClassifier(other, 5, settings).eval(), data)
    torch.testing.assert_close(other(batch[0]), net(batch[0]), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(other.model.hidden.weight, net.model.hidden.weight, atol=1e-3), (
        "some unit should have moved"
    )


def test_new_subnetworks_are_trained_and_weighted(net, batch, data, trainer):
    widths = [{"stem": 6, "hidden": 7}, {"stem": 5, "hidden": 3}, {"stem": 2, "hidden": 1}]
    module = NestedClassifier(net, 5).train()
    trainer(max_epochs=3, callbacks=[again(batch, widths)]).fit(module, data)
    assert [dict(s.widths) for s in net.subnetworks] == widths
    assert module.objective.shares.tolist() == pytest.approx(parameter_shares(net))


@pytest.mark.parametrize("kind", ["shared", "statistics"])
def test_a_resumed_training_keeps_what_was_found(net, batch, data, trainer, tmp_path, kind):
    net.own_batch_norm(kind)
    widths = [{"stem": 6, "hidden": 7}, {"stem": 5, "hidden": 3}, {"stem": 2, "hidden": 1}]

    class Stop(L.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            trainer.should_stop = trainer.current_epoch == 2

    def trained(one, *callbacks, resumed=None):
        last = ModelCheckpoint(tmp_path, filename="last", enable_version_counter=False)
        module = NestedClassifier(one, 5).train()
        fitting = trainer(max_epochs=5, enable_checkpointing=True, callbacks=[last, again(batch, widths), *callbacks])
        fitting.fit(module, data, ckpt_path=resumed, weights_only=True)
        return one

    whole = trained(copy.deepcopy(net))
    trained(copy.deepcopy(net), Stop())
    resumed = trained(copy.deepcopy(net), resumed=tmp_path / "last.ckpt")
    assert [dict(s.widths) for s in resumed.subnetworks] == widths
    assert resumed.batch_norm == kind
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)
