"""What two processes compute together equals what one computes of everything."""

import multiprocessing
import os
import threading

import pytest
import torch
from torch import distributed, nn

import reds_torch as reds
from reds_torch.system import ranks
from reds_torch.training import end_with_parent, recalibrate
from reds_torch.training.distributed import PARENT

INPUTS = torch.linspace(-2, 3, 12 * 2 * 6 * 6).reshape(12, 2, 6, 6).sin()
CLASSES = torch.arange(12) % 3


def network():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)
    )
    net = reds.nest(model.eval(), torch.zeros(1, 2, 6, 6))
    (group,) = net.groups
    net.subnetworks = [reds.Subnetwork({group.name: width}) for width in (6, 4)]
    return net


def found(inputs, classes):
    """Scores and recalibrated statistics, from batches of three."""
    net = network()
    batches = list(zip(inputs.split(3), classes.split(3), strict=True))
    scores = reds.score(net, batches)
    recalibrate(net, [x for x, _ in batches])
    statistics = [dict(net.extract(k).named_buffers()) for k in range(2)]
    return dict(scores), [{n: t for n, t in s.items() if "running" in n} for s in statistics]


def fail():
    raise ValueError("no luck")


def work(rank, folder):
    """One of two processes, which has every other half batch; leaves what it found in a file."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    mine = torch.cat([torch.arange(start, start + 3) for start in range(3 * rank, 12, 6)])
    scores, statistics = found(INPUTS[mine], CLASSES[mine])
    try:
        ranks.once(fail)
    except (ValueError, ranks.FirstProcessError) as error:
        failure = f"{type(error).__name__}: {error}"
    result = {
        "scores": scores,
        "statistics": statistics,
        "failure": failure,
        "once": ranks.once(ranks.rank),
        "summed": ranks.summed(torch.tensor([rank + 1.0])),
        "place": (ranks.rank(), ranks.processes()),
    }
    torch.save(result, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["reds_torch.train", "torch.export._trace"])
    processes = [context.Process(target=work, args=(rank, str(folder))) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_scores_are_those_of_all_batches(both):
    expected, _ = found(INPUTS, CLASSES)
    for result in both:
        for name, scores in expected.items():
            torch.testing.assert_close(result["scores"][name], scores)


def test_batch_norm_is_recalibrated_on_all_batches(both):
    _, expected = found(INPUTS, CLASSES)
    for result in both:
        for k in range(2):
            torch.testing.assert_close(result["statistics"][k], expected[k])


def test_the_first_process_makes_what_all_get(both):
    assert [result["once"] for result in both] == [0, 0]
    assert [result["failure"] for result in both] == [
        "ValueError: no luck",
        "FirstProcessError: the first process failed",
    ]


def test_tensors_are_summed_and_places_known(both):
    assert [result["summed"].item() for result in both] == [3, 3]
    assert [result["place"] for result in both] == [(0, 2), (1, 2)]


def test_a_process_alone_needs_no_others():
    assert ranks.once(lambda: "made") == "made"
    assert (ranks.rank(), ranks.processes(), ranks.together()) == (0, 1, False)
    tensor = torch.ones(2)
    assert ranks.summed(tensor) is tensor
    with pytest.raises(ValueError, match="no luck"):
        ranks.once(fail)


def test_the_process_that_starts_others_does_not_wait_for_its_own_end(monkeypatch):
    monkeypatch.setenv(PARENT, str(os.getpid()))  # as an earlier run of this process leaves it
    end_with_parent()
    assert "end-with-parent" not in {thread.name for thread in threading.enumerate()}
