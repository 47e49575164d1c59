"""What nesting costs in memory, beside the model itself: everything that a nested network holds, object by object."""

import gc
import sys
import types

import pytest
import torch
import torchvision
from torch import nn

from reds_torch.models import build
from reds_torch.nested import Subnetwork
from reds_torch.nested.network import nest

CODE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.CodeType)


def reachable(root, known=frozenset()):
    """All objects that one holds, however indirectly, without code and those that are known, by their ids."""
    found, todo = {}, [root]
    while todo:
        thing = todo.pop()
        if id(thing) not in found and id(thing) not in known and not isinstance(thing, CODE):
            found[id(thing)] = thing
            todo += gc.get_referents(thing)
    return found


def bookkeeping(net):
    """Bytes of what a nested network holds beside its model, tensors' memory included."""
    objects = reachable(net, frozenset(reachable(net.model)))
    tensors = [t for t in objects.values() if isinstance(t, torch.Tensor)]
    return sum(map(sys.getsizeof, objects.values())) + sum(t.untyped_storage().nbytes() for t in tensors)


def with_three_subnetworks(model, example):
    """Nested, and each subnetwork run once."""
    net = nest(model, example, copy=False).eval()
    net.subnetworks = [Subnetwork({g.name: max(1, int(s * g.size)) for g in net.groups}) for s in (1, 0.7, 0.4, 0.2)]
    with torch.no_grad():
        for k in range(4):
            with net.active(k):
                net(example)
    return net


def bytes_of(model):
    return sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))


def test_a_tensor_that_is_kept_is_counted():
    net = with_three_subnetworks(build("dnn"), torch.zeros(1, 1, 25, 10))
    before = bookkeeping(net)
    net.kept = nn.Linear(100, 100).weight.detach()
    assert bookkeeping(net) - before >= 40_000


@pytest.mark.parametrize(("name", "size"), [("resnet18", 64), ("vit_b_16", 32)])
def test_is_less_than_a_hundredth_of_the_weights(name, size):
    arguments = {"image_size": size} if name == "vit_b_16" else {}
    model = getattr(torchvision.models, name)(**arguments)
    net = with_three_subnetworks(model, torch.zeros(1, 3, size, size))
    assert bookkeeping(net) < 0.01 * bytes_of(model)


@pytest.mark.parametrize(("name", "size"), [("dnn", "l"), ("ds_cnn", "s"), ("ds_cnn", "l")])
def test_is_some_kilobytes_for_a_small_network(name, size):
    """Their weights are 0.1 to 2 MB: a hundredth of that is less than the names of their parameters take."""
    model = build(name, size=size)
    net = with_three_subnetworks(model, torch.zeros(1, *model.architecture.arguments["input_shape"]))
    assert bookkeeping(net) < 100_000
