"""The train command in a forked process, which may kill itself; the process imports this module by its name."""

import os
import signal
import sys
from collections.abc import Sequence


def _die_at_write(number: int, folder: str) -> None:
    """Kill this process when it is about to open, rename or remove this many files of a folder."""
    left = number

    def inside(path: str | os.PathLike[str]) -> bool:
        return os.path.abspath(path).startswith(folder)  # noqa: PTH100 - quick, and there may be no such file

    def hook(event: str, details: tuple) -> None:
        nonlocal left
        opens = event == "open" and isinstance(details[0], str | os.PathLike)
        writes = opens and details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if (writes or event in ("os.rename", "os.remove", "os.mkdir")) and inside(details[0]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def train(arguments: Sequence[str], folder: str, environment: dict[str, str], output: str) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    with open(output, "ab", buffering=0) as file:  # noqa: PTH123 - file descriptors are replaced
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import torch

    from reds_torch.commands.train import main

    torch.set_num_threads(1)
    if "DIE_AT_WRITE" in environment:
        _die_at_write(int(environment["DIE_AT_WRITE"]), folder)
    raise SystemExit(main(arguments))
