"""What the application answers to lines, good and bad, on a pretended model with known times."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

START = """\
reds-torch firmware=1 subnetworks=3 classes=4 inputs=6 tests=2 clock_hz=0 interpreter=fake
subnetwork       macs   memory    time us   match  correct
        0*       4000      900       3000   2/2      1/2
        1        3000      800       2000   2/2      1/2
        2        1000      700       1000   1/2      1/2
"""


def replies(program: Path, *lines: str, end: str = "\n") -> list[str]:
    """All lines that the application writes, after those of its start."""
    text = "".join(line + end for line in lines)
    done = subprocess.run([program], input=text, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.startswith(START + "ok\n")
    return done.stdout[len(START) + 3 :].splitlines()


def test_all_subnetworks_are_measured_at_the_start(fake: Path) -> None:
    assert replies(fake) == []


def test_table_marks_what_is_selected(fake: Path) -> None:
    table = replies(fake, "s 1", "t")[1:]
    assert table[3].split()[0] == "1*"
    assert table[-1] == "ok subnetwork=1 time_us=2000"


@pytest.mark.parametrize(("budget", "chosen"), [(2999, 1), (3000, 0), (1000, 2), (4294967295, 0)])
def test_budget_selects_the_largest_that_fits(fake: Path, budget: int, chosen: int) -> None:
    assert replies(fake, f"b {budget}") == [f"ok subnetwork={chosen} time_us={3000 - 1000 * chosen}"]


def test_a_budget_that_nothing_fits_changes_nothing(fake: Path) -> None:
    refused, table_end = (replies(fake, "s 1", "b 999", "t")[i] for i in (1, -1))
    assert refused.startswith("error: ")
    assert table_end == "ok subnetwork=1 time_us=2000"


def test_run_and_layers(fake: Path) -> None:
    assert replies(fake, "s 2", "r", "l")[1:] == [
        "subnetwork=2 inferences=2 match=1 correct=1 time_us=1000.000",
        "ok",
        "layer=0 kind=CONV_2D macs=600 outputs=40 time_us=10.000",
        "layer=1 kind=FULLY_CONNECTED macs=400 outputs=4 time_us=5.000",
        "ok subnetwork=2",
    ]


def test_features_are_classified_by_the_selected_subnetwork(fake: Path) -> None:
    assert replies(fake, "s 1", "d 01 80 7F 00 FF ff") == [
        "ok subnetwork=1 time_us=2000",
        "subnetwork=1 label=1 outputs=007f7eff time_us=2000 word=no",  # -128 - 1 wraps around in the pretended model
        "ok",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x", "no such command"),
        ("s", "needs an argument"),
        ("s 3", "no subnetwork"),
        ("s -1", "digits"),
        ("s 4294967296", "larger than"),
        ("r 1", "takes no argument"),
        ("d 0102030405", "wrong length"),
        ("d 01020304050607", "wrong length"),
        ("d 01020304050", "wrong length"),
        ("d 0102030405zz", "hexadecimal"),
        ("d " + "00" * 5000, "wrong length"),
        ("\x00\x01", "no such command"),
    ],
)
def test_bad_lines_are_refused_and_change_nothing(fake: Path, line: str, reason: str) -> None:
    refused, *after = replies(fake, line, "t")
    assert refused.startswith("error: ") and reason in refused
    assert after[-1] == "ok subnetwork=0 time_us=3000"


def test_lines_may_end_as_terminals_end_them(fake: Path) -> None:
    assert replies(fake, "s 2", "", "s 1", end="\r\n") == [
        "ok subnetwork=2 time_us=1000",
        "ok subnetwork=1 time_us=2000",
    ]


def test_a_model_that_cannot_be_prepared_is_named_at_every_command(build_fake: Callable[..., Path]) -> None:
    program = build_fake('-DFAILURE="the model is broken"')
    done = subprocess.run([program], input="t\nd 00\n", capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.splitlines() == ["error: the model is broken"] * 3
