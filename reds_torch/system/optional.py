"""Packages that only some of the work needs: imported when it is asked for, and missed in one sentence."""

from importlib import import_module
from types import ModuleType


class MissingPackageError(ModuleNotFoundError):
    """What was asked for needs a package that is missing or does not load; the message says what to do."""


def needed(module: str, purpose: str, remedy: str) -> ModuleType:
    """Import `module`.

    Args:
        module: its name, dotted for a part of a package.
        purpose: what needs it, in words that begin a sentence.
        remedy: what to do where it is missing.

    Raises:
        MissingPackageError: it is missing, or its own import fails.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except (ImportError, OSError, RuntimeError) as error:  # native libraries that fit no other raise all of these
        absent = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == package
        reason = "is not installed" if absent else f"does not load ({str(error).partition(chr(10))[0]})"
        raise MissingPackageError(f"{purpose} needs {package}, which {reason}: {remedy}") from error
