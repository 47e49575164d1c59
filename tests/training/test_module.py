import copy

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import ModelCheckpoint

import reds_torch as reds
from reds_torch.models import dnn
from reds_torch.training import NestedClassifier, accuracies
from reds_torch.training.settings import ObjectiveSettings, TrainingSettings


def test_the_papers_loss_weighs_extracted_networks_by_the_root_of_their_parameters(net, batch):
    module = NestedClassifier(net, 5)
    module.log = lambda *_, **__: None
    inputs, targets = batch
    networks = [net.extract(k) for k in range(3)]
    roots = [sum(p.numel() for p in small.parameters()) ** 0.5 for small in networks]
    losses = [F.cross_entropy(small(inputs), targets) for small in networks]
    expected = sum(root * loss for root, loss in zip(roots, losses, strict=True)) / sum(roots)
    torch.testing.assert_close(module.training_step(batch, 0), expected)


def test_accuracies_are_those_of_the_extracted_networks(net, batch, data, trainer):
    found = accuracies(trainer(), NestedClassifier(net, 5), data)
    inputs, targets = batch
    for k in range(3):
        right = (net.extract(k)(inputs).argmax(1) == targets).float().mean().item()
        assert found[k] == {"val": pytest.approx(right), "test": pytest.approx(right)}


def test_learning_rates_take_equal_parts_of_the_epochs(net, data, trainer):
    seen = []

    class Spy(L.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            seen.append(trainer.optimizers[0].param_groups[0]["lr"])

    module = NestedClassifier(net, 5, TrainingSettings([1e-2, 1e-3, 1e-4]))
    trainer(max_epochs=6, callbacks=[Spy()]).fit(module, data)
    assert seen == pytest.approx([1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4])


@pytest.mark.parametrize("freeze", [True, False])
def test_frozen_batch_norm_keeps_its_statistics_and_trains_its_scale(net, freeze, data, trainer):
    mean, scale = net.model.norm.running_mean.clone(), net.model.norm.weight.clone()
    module = NestedClassifier(net, 5, freeze_batch_norm=freeze).train()
    trainer(max_epochs=2).fit(module, data)
    assert torch.equal(net.model.norm.running_mean, mean) == freeze
    assert not torch.equal(net.model.norm.weight, scale)


def test_training_lowers_the_loss_of_every_subnetwork(net, batch, data, trainer):
    inputs, targets = batch

    def losses():
        return [F.cross_entropy(net.extract(k)(inputs), targets).item() for k in range(3)]

    before = losses()
    trainer(max_epochs=20).fit(NestedClassifier(net, 5, TrainingSettings([1e-2])).train(), data)
    assert all(b < a for a, b in zip(before, losses(), strict=True))


def test_in_the_last_epochs_only_batch_norm_is_trained(net, data, trainer):
    seen = []

    class Spy(L.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            seen.append({name: p.detach().clone() for name, p in net.model.named_parameters()})

    module = NestedClassifier(net, 5, freeze_batch_norm=True, batch_norm_share=0.5).train()
    trainer(max_epochs=2, callbacks=[Spy()]).fit(module, data)
    changed = {name for name in seen[0] if not torch.equal(seen[0][name], seen[1][name])}
    assert changed == {"norm.weight", "norm.bias"}


def test_training_only_batch_norm_needs_one():
    net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
    with pytest.raises(ValueError, match="no batch norm to train"):
        NestedClassifier(net, 12, batch_norm_share=0.2)


def test_mixed_precision_trains_every_subnetwork(net, data, trainer):
    before = {name: p.detach().clone() for name, p in net.model.named_parameters()}
    dtypes = []
    net.model.head.register_forward_hook(lambda _, __, output: dtypes.append(output.dtype))
    trainer(max_epochs=2, precision="bf16-mixed").fit(NestedClassifier(net, 5, TrainingSettings([1e-2])).train(), data)
    assert set(dtypes) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in net.parameters())
    assert not any(torch.equal(p, before[name]) for name, p in net.model.named_parameters())


def test_averaged_weights_are_the_result(net, data, trainer):
    seen = []

    class Spy(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            seen.append(pl_module.learner.model.head.weight.detach().clone())

    expected = net.model.head.weight.detach().clone()
    settings = TrainingSettings([1e-2], averaging=0.5)
    trainer(max_epochs=2, callbacks=[Spy()]).fit(NestedClassifier(net, 5, settings).train(), data)
    for step, weight in enumerate(seen):
        stays = min(0.5, (1 + step) / (10 + step))
        expected = stays * expected + (1 - stays) * weight
    torch.testing.assert_close(net.model.head.weight.detach(), expected)
    assert all(p.requires_grad for p in net.parameters())


def test_a_resumed_training_ends_with_the_same_weights(net, data, trainer, tmp_path):
    settings = TrainingSettings([1e-2, 1e-3], averaging=0.9, mixup=0.2, schedule="cosine", warmup=0.1)
    objective = ObjectiveSettings(subnetworks="sandwich", powers=[0.5, -0.5])

    class Stop(L.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            trainer.should_stop = trainer.current_epoch == 1

    def trained(*callbacks, resumed=None):
        module = NestedClassifier(copy.deepcopy(net), 5, settings, objective).train()
        last = ModelCheckpoint(tmp_path, filename="last", enable_version_counter=False)
        fitting = trainer(max_epochs=4, enable_checkpointing=True, callbacks=[last, *callbacks])
        fitting.fit(module, data, ckpt_path=resumed, weights_only=True)
        return module

    whole = trained()
    trained(Stop())
    resumed = trained(resumed=tmp_path / "last.ckpt")
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)
