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
        BridgeError: Python is too old for the converter, or a package is missing or too old; with what would do.
    """
    if sys.version_info < _OLDEST_PYTHON:
        raise BridgeError(
            f"the bridge's converter, onnx2tf 2, runs on Python 3.12 and newer, and this is Python "
            f"{sys.version_info[0]}.{sys.version_info[1]}: make an environment with 3.12 or 3.13 and {_INSTALL}"
        )
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise BridgeError(f"the bridge needs {', '.join(missing)}: {_INSTALL}")
    if int(installed_version("onnx2tf").split(".")[0]) < 2:
        raise BridgeError(f"the bridge needs onnx2tf 2, not {installed_version('onnx2tf')}: {_INSTALL}")


def installed_version(package: str) -> str:
    """The version of an installed package; "0" where it says none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "0"
