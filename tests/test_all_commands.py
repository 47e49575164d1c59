"""All commands under one name."""

import pytest

from reds_torch.__main__ import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_found_and_helps(name, capsys):
    try:
        status = main([name, "--help"])
    except SystemExit as end:  # argparse's
        status = int(end.code or 0)
    assert status == 0
    out = capsys.readouterr().out
    assert "usage" in out or "python -m reds_torch." in out


def test_without_a_command_it_lists_them(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == list(COMMANDS)


def test_an_unknown_command_names_those_there_are(capsys):
    assert main(["trian"]) == 2
    assert capsys.readouterr().err == (
        "error: there is no command 'trian' (did you mean train?); there are: " + ", ".join(COMMANDS) + "\n"
    )


def test_errors_of_a_command_are_its_exit_status(capsys):
    assert main(["evaluate", "no/such.ckpt"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
