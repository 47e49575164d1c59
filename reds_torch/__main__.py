"""All commands under one name.

    reds COMMAND ...                    once the package is installed
    python -m reds_torch COMMAND ...    the same, also in a checkout

Each is a module with a ``main`` of its own, which `python -m` runs too.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from . import __version__


@dataclass(frozen=True)
class Command:
    """A command of the project.

    Attributes:
        modules: where its ``main`` is; of several the first that there is.
        help: what it does, in a few words.
    """

    modules: tuple[str, ...]
    help: str


COMMANDS = {
    "train": Command(("reds_torch.commands.train",), "from a recipe to a nested network"),
    "evaluate": Command(("reds_torch.commands.evaluate",), "accuracy and costs of every subnetwork of a checkpoint"),
    "search": Command(("reds_torch.commands.search",), "choose widths again, from a run's problem.npz"),
    "report": Command(("reds_torch.commands.report",), "tables, a page and figures of one run or several"),
    # in a checkout bridge/ lies beside the package, in an installed package inside it
    "bridge": Command(("reds_torch.bridge.__main__", "bridge.__main__"), "one int8 model with all subnetworks"),
    "device": Command(("reds_torch.commands.device",), "measure a board on a serial port"),
    "sweep": Command(("reds_torch.commands.sweep",), "many runs, on this machine or on a cluster"),
    "synthetic": Command(("reds_torch.commands.synthetic",), "a data set of synthetic speech for your own words"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    name, *rest = (sys.argv[1:] if arguments is None else list(arguments)) or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if name == "--version":
        print(__version__)
        return 0
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        print(f"error: there is no command '{name}'{meant}; there are: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    module = import_module(next(filter(_exists, COMMANDS[name].modules)))
    return int(module.main(rest))


def usage() -> str:
    """All commands, a line each."""
    width = max(map(len, COMMANDS))
    lines = (f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items())
    return "\n".join(["usage: reds COMMAND [--help] ...", "", *lines])


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that would hold it
        return False


if __name__ == "__main__":
    sys.exit(main())
