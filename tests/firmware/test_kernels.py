"""Kernels against integer arithmetic in numpy: random shapes, widths and addresses, extreme values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kernel_cases import Kind, cases, differences
from programs import SANITIZED, SANITIZED_DSP, Build, run

COUNTS = {Kind.FULLY_CONNECTED: 1000, Kind.CONV_2D: 1000, Kind.DEPTHWISE_CONV_2D: 1000, Kind.FLOAT_FULLY_CONNECTED: 100}


@pytest.mark.parametrize("build", [SANITIZED, SANITIZED_DSP], ids=lambda build: build.name)
@pytest.mark.parametrize("kind", COUNTS, ids=lambda kind: kind.name)
def test_outputs_are_those_of_the_definition(
    kind: Kind, build: Build, host_program: Callable[[Build, str], Path], tmp_path: Path
) -> None:
    made = cases(kind, COUNTS[kind], seed=0)
    (tmp_path / "cases").write_bytes(b"".join(case.call for case in made))
    run([str(host_program(build, "run_kernels")), str(tmp_path / "cases"), str(tmp_path / "results")])
    assert list(differences(made, (tmp_path / "results").read_bytes())) == []


@pytest.mark.parametrize("kind", COUNTS, ids=lambda kind: kind.name)
def test_a_cortex_m4_computes_the_same(kind: Kind, emulate: Callable[..., str], tmp_path: Path) -> None:
    made = cases(kind, COUNTS[kind] // 2, seed=1)
    (tmp_path / "cases").write_bytes(b"".join(case.call for case in made))
    emulate("run_kernels", tmp_path / "cases", tmp_path / "results")
    assert list(differences(made, (tmp_path / "results").read_bytes())) == []
