"""What the conversion needs of the machine it runs on."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from .error import BridgeError

_EXTRA = ("onnx", "onnxsim", "onnx2tf", "ai_edge_litert", "tflite_micro")
_INSTALL = "pip install 'reds-torch[bridge]'"
_OLDEST_PYTHON = (3, 12)  # that onnx2tf 2 runs on


def check_requirements() -> None:
    """Refuse to begin where a later step can't run.

    Raises:
        BridgeError: what `unmet_requirement` says.
    """
    unmet = unmet_requirement()
    if unmet is not None:
        raise BridgeError(unmet)


def unmet_requirement() -> str | None:
    """Why the bridge can't run here, and what would do: Python is too old, or a package is missing or too old."""
    if sys.version_info < _OLDEST_PYTHON:
        return (
            f"the bridge's converter, onnx2tf 2, runs on Python 3.12 and newer, and this is Python "
            f"{sys.version_info[0]}.{sys.version_info[1]}: make an environment with 3.12 or 3.13 and {_INSTALL}"
        )
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        return f"the bridge needs {', '.join(missing)}: {_INSTALL}"
    installed = _version("onnx2tf")
    if int(installed.split(".")[0]) < 2:
        return f"the bridge needs onnx2tf 2, not {installed}: {_INSTALL}"
    return None


def _version(package: str) -> str:
    """The version of an installed package; "0" where it says none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "0"
