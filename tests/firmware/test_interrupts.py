"""A subnetwork may be selected at any moment: an inference that has begun keeps the one that it began with."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from network_models import nested, separable
from test_interpreter import expected


def test_no_output_mixes_two_subnetworks(emulate: Callable[..., str], tmp_path: Path) -> None:
    model, inputs = nested(separable, 3, own=True)
    answers = expected(model, inputs)
    assert len(np.unique(answers.reshape(len(answers), -1), axis=0)) == len(answers)  # they can be told apart
    (tmp_path / "model").write_bytes(model)
    (tmp_path / "inputs").write_bytes(inputs.tobytes())
    (tmp_path / "answers").write_bytes(answers.tobytes())
    paths = [tmp_path / name for name in ("model", "inputs", "answers")]
    printed = emulate("interrupt", *paths, 10_000, seconds=300)
    numbers = re.match(
        r"(\d+) inferences, \d+ interrupts, (\d+) inferences interrupted by a switch, (\d+) wrong", printed
    )
    assert numbers, printed
    inferences, interrupted, wrong = map(int, numbers.groups())
    assert (inferences, wrong) == (10_000, 0)
    assert interrupted > 5_000
    assert all(int(count) > 1_000 for count in re.findall(r"subnetwork \d+: (\d+)", printed))
