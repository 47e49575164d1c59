"""Timing in turns and the pictures of it, with a clock and measurements made by hand."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.bridge_plot import plot
from benchmarks.latency import Latency, pinned, take_turns


def test_every_work_is_timed_once_a_round_after_a_call_that_warms_up() -> None:
    calls: list[str] = []
    now = 0.0

    def work(name: str, seconds: list[float]) -> None:
        nonlocal now
        calls.append(name)
        now += seconds.pop(0)

    # the untimed calls take 100 s
    slow, fast = [100.0, 3.0, 100.0, 5.0], [100.0, 1.0, 100.0, 2.0]
    works = [lambda: work("slow", slow), lambda: work("fast", fast)]
    found = take_turns(works, rounds=2, clock=lambda: now)
    assert calls == ["slow", "slow", "fast", "fast", "fast", "fast", "slow", "slow"]
    assert [latency.median for latency in found] == pytest.approx([4e6, 1.5e6])
    assert [latency.minimum for latency in found] == pytest.approx([3e6, 1e6])


def test_quartiles_are_numpys() -> None:
    seconds = np.random.default_rng(0).exponential(1e-3, 37)
    latency = Latency.of(list(seconds))
    expected = 1e6 * np.quantile(seconds, [0.25, 0.5, 0.75])
    np.testing.assert_allclose([latency.quartiles[0], latency.median, latency.quartiles[1]], expected)


def test_pinned_gives_the_cores_back_even_after_an_error() -> None:
    allowed = os.sched_getaffinity(0)
    with pytest.raises(KeyError), pinned(1) as cores:
        assert os.sched_getaffinity(0) == set(cores)
        assert len(cores) == 1
        raise KeyError
    assert os.sched_getaffinity(0) == allowed


@pytest.mark.parametrize("threads", [0, 10_000])
def test_threads_without_cores_are_refused(threads: int) -> None:
    with pytest.raises(ValueError, match="this process may use 1 to"), pinned(threads):
        pass


@pytest.mark.parametrize("sides", [("cut",), ("cut", "alone")])
def test_the_plot_is_one_small_file(tmp_path: Path, sides: tuple[str, ...]) -> None:
    measurements = [
        {
            "side": side,
            "kernels": kernels,
            "macs": macs,
            "parameters": macs // 100,
            "accuracy": None if side == "alone" and macs == 500_000 else 0.8,
            "median_us": macs / 1e4,
        }
        for kernels in ("XNNPACK", "reference")
        for side in sides
        for macs in (1_000_000, 500_000)
    ]
    path = plot(measurements, tmp_path / "plots")
    assert [file.name for file in path.parent.iterdir()] == ["bridge_latency.png"]
    assert path.stat().st_size < 100_000
    with Image.open(path) as image:
        image.verify()
