"""The data that a checkpoint was trained on, made again from what it says of them."""

from __future__ import annotations

from collections.abc import Sequence
from pydoc import locate
from typing import Any

import lightning as L
from jsonargparse import ArgumentError, ArgumentParser

from ..nested.network import NestedNetwork
from .command_line import DATA_MODULES, PARSER_MODE, UsageError, as_option, explained


def data_module(net: NestedNetwork, options: Sequence[str]) -> Any:
    """The data module that a checkpoint names, with these ``data...`` options.

    Only modules of this project are made from a checkpoint's word alone, since making one runs its code.

    Raises:
        UsageError: an option is none, or the data don't fit the network.
    """
    stored = net.metadata.get("data", {})
    options = [as_option(option) for option in options]
    foreign = [option for option in options if option.split("=")[0].split(".")[0] != "--data"]
    if foreign:
        raise UsageError(f"'{foreign[0]}' is no setting of the data: write data.KEY=VALUE, such as data.root=PATH")
    chosen = [option.removeprefix("--data=") for option in options if option.startswith("--data=")]
    trained_on = stored.get("class_path")
    class_path = chosen[-1] if chosen else of_this_project(trained_on)
    if class_path is None and trained_on is None:
        raise UsageError("the checkpoint does not say which data it was trained on: give data=NAME")
    if class_path is None:
        raise UsageError(
            f"the checkpoint was trained on {trained_on}, which is not of this project: say data={trained_on}"
        )
    settings = stored.get("settings", {})
    if class_path not in (trained_on, of_this_project(trained_on)):
        known = settings_of(class_path)
        settings = {key: value for key, value in settings.items() if key in known}
    parser = ArgumentParser(exit_on_error=False, parser_mode=PARSER_MODE)
    parser.add_subclass_arguments(L.LightningDataModule, "data")
    parser.set_defaults(data={"class_path": class_path, "init_args": settings})
    try:
        config = parser.parse_args([option for option in options if not option.startswith("--data=")])
        data = parser.instantiate(config).data
    except (ArgumentError, ValueError) as error:
        raise UsageError(explained(str(error), [])) from error
    check_fit(net, data)
    return data


def of_this_project(class_path: str | None) -> str | None:
    """Where the project's own data module of this name lies now; None for all others."""
    package, _, name = (class_path or "").rpartition(".")
    if f"{package}.".startswith("reds_torch.data."):
        return {path.rpartition(".")[2]: path for path in DATA_MODULES.values()}.get(name)
    return None


def settings_of(class_path: str) -> set[str]:
    """Names of the settings that a data module takes."""
    module = locate(class_path)
    if not (isinstance(module, type) and issubclass(module, L.LightningDataModule)):
        raise UsageError(f"data={class_path} is no Lightning data module that can be imported")
    parser = ArgumentParser(exit_on_error=False)
    return set(parser.add_class_arguments(module))


def check_fit(net: NestedNetwork, data: Any) -> None:
    """Refuse data whose classes or inputs are not the network's."""
    if "classes" in net.metadata and list(data.classes) != list(net.metadata["classes"]):
        raise UsageError(
            f"the data have the classes {', '.join(data.classes)}; the network has {', '.join(net.metadata['classes'])}"
        )
    given, expected = tuple(data.input_shape), tuple(net.input_shape[1:])
    if given != expected:
        raise UsageError(
            f"the data have inputs of shape {given}, the network takes {expected}: evaluate it with the settings of "
            "the data that it was trained with"
        )
