"""Modules of the user's own, imported before names are looked up: models, costs and data modules that they register.

They are named by the user, on a command line or in a recipe, never by a file that was received: importing runs code.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .command_line import UsageError, load_yaml

OPTION = "--plugins="


def load_plugins(plugins: Sequence[str]) -> None:
    """Import modules by name, or files by path; what is imported already is not imported again.

    Raises:
        UsageError: one is not there, or its own code fails.
    """
    for plugin in plugins:
        try:
            if plugin.endswith(".py"):
                _load_file(Path(plugin))
            else:
                _load_module(plugin)
        except UsageError:
            raise
        except Exception as error:  # it is anybody's code
            raise UsageError(f"plugins: {plugin} can't be imported: {type(error).__name__}: {error}") from error


def take_plugins(options: Sequence[str]) -> tuple[list[str], list[str]]:
    """The plugins that options name, files by whole paths, and the other options.

    Raises:
        UsageError: they are no list of names.
    """
    named = [option.removeprefix(OPTION) for option in options if option.startswith(OPTION)]
    others = [option for option in options if not option.startswith(OPTION)]
    return (whole(load_yaml(named[-1])) if named else []), others


def whole(plugins: Any) -> list[str]:
    """Names of modules as they are, paths of files from the root, so that they hold in any folder.

    Raises:
        UsageError: it is no list of names.
    """
    if not isinstance(plugins, list) or not all(isinstance(plugin, str) for plugin in plugins):
        raise UsageError(
            f"plugins must be a list of modules and files, such as plugins=[my_module,my_file.py], not {plugins}"
        )
    return [str(Path(plugin).resolve()) if plugin.endswith(".py") else plugin for plugin in plugins]


def _load_file(path: Path) -> None:
    name, known = path.stem, sys.modules.get(path.stem)
    if not path.is_file():
        raise UsageError(f"plugins: there is no file {path}")
    if known is not None:
        if Path(getattr(known, "__file__", None) or "").resolve() != path.resolve():
            raise UsageError(f"plugins: {path} has the name of another module, {name}: give the file another one")
        return
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _load_module(name: str) -> None:
    # an installed command does not look in the folder where it is given
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.append(str(Path.cwd()))
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        raise UsageError(
            f"plugins: there is no module {name} here: give its name, or the path of a file that ends with .py"
        )
    importlib.import_module(name)
