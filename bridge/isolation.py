"""Calling native code where it can't take us with it: a crash ends the process that it happens in."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .error import BridgeError

T = TypeVar("T")
_PROGRAM = f"import sys; from {__name__} import _answer; _answer(sys.argv[1])"


def isolated(what: str, function: Callable[..., T], *arguments: object) -> T:
    """Call a function in a process of its own.

    Args:
        what: is done there, as the subject of a sentence for messages.
        function: of a module, so that the other process finds it; it raises nothing but `BridgeError`.
        arguments: that can be pickled, as can what it returns.

    Raises:
        BridgeError: the function did, or its process ended without an answer.
    """
    with tempfile.TemporaryDirectory(prefix="reds-bridge-") as folder:
        call, answer = Path(folder, "call"), Path(folder, "answer")
        call.write_bytes(pickle.dumps((function, arguments)))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
        done = subprocess.run(
            [sys.executable, "-P", "-c", _PROGRAM, folder],
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if not answer.is_file():
            printed = done.stdout.decode(errors="replace").strip().splitlines()
            reason = f"; its last words: {printed[-1]}" if printed else ""
            raise BridgeError(f"{what} ended without an answer, by {_ending(done.returncode)}{reason}")
        result: T | BridgeError = pickle.loads(answer.read_bytes())
    if isinstance(result, BridgeError):
        raise result
    return result


def _answer(folder: str) -> None:
    """In the other process: call the function of a folder and leave there what it returns or raises."""
    function, arguments = pickle.loads(Path(folder, "call").read_bytes())
    try:
        result = function(*arguments)
    except BridgeError as error:
        result = error
    unfinished = Path(folder, "unfinished")
    unfinished.write_bytes(pickle.dumps(result))
    unfinished.rename(Path(folder, "answer"))


def _ending(returncode: int) -> str:
    """How a process ended: by a signal's name, or with an exit status."""
    return f"exit status {returncode}" if returncode >= 0 else f"signal {signal.Signals(-returncode).name}"
