"""What `make emulate` counts: instructions, the same at every run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from network_models import separable

from bridge.model_file.flatbuffer import attach


def test_instructions_are_counted_alike_at_every_run(emulate: Callable[..., str], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    example = separable(random)
    table = example.table(random)
    (tmp_path / "model").write_bytes(attach(example.data, table))
    printed = emulate("measure", tmp_path / "model", "lines")
    assert printed == emulate("measure", tmp_path / "model", "lines")

    lines = [line.split() for line in printed.splitlines()]
    inferences = [list(map(int, line[1:])) for line in lines if line[0] == "inference"]
    operators = [line for line in lines if line[0] == "operator"]
    assert len(inferences) == len(table.subnetworks)
    for k, macs, outputs, instructions in inferences:
        own = [list(map(int, line[4:])) for line in operators if line[1] == str(k)]
        assert (macs, outputs) == tuple(np.sum(own, axis=0)[:2])
        # a whole inference is its operators, each counted to one or two instructions, and the calls of them
        assert -2 * len(own) <= instructions - sum(row[2] for row in own) <= 40 * len(own)


def test_adaptation_takes_a_few_instructions(emulate: Callable[..., str], tmp_path: Path) -> None:
    """From the call of reds_select() until a layer's widths are known."""
    random = np.random.default_rng(1)
    example = separable(random)
    (tmp_path / "model").write_bytes(attach(example.data, example.table(random)))
    lines = [line.split() for line in emulate("measure", tmp_path / "model", "lines").splitlines()]
    assert all(int(line[2]) <= 40 for line in lines if line[0] == "adaptation")
