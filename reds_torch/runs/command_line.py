"""The language of the command lines: ``key=value``, plain YAML, and errors of one sentence."""

from __future__ import annotations

import difflib
import inspect
import logging
import os
import re
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pydoc import locate
from typing import Any, cast

import yaml
from jsonargparse import set_loader

# short names for ``data=NAME``
DATA_MODULES = {
    "speech_commands": "reds_torch.data.speech.speech_commands.SpeechCommands",
    "synthetic": "reds_torch.data.synthetic.synthetic_speech.SyntheticSpeech",
    "fashion_mnist": "reds_torch.data.images.vision.FashionMNIST",
    "cifar10": "reds_torch.data.images.vision.CIFAR10",
    "image_folder": "reds_torch.data.images.image_folder.ImageFolder",
    "visual_wake_words": "reds_torch.data.images.visual_wake_words.VisualWakeWords",
}
# short names for ``trainer.logger=NAME``, and the package that each needs
LOGGERS = {
    "csv": ("CSVLogger", "lightning"),
    "tensorboard": ("TensorBoardLogger", "tensorboard"),
    "wandb": ("WandbLogger", "wandb"),
}


class UsageError(ValueError):
    """A command line that can't be meant as it was given."""


class _PlainYaml(yaml.SafeLoader):
    """YAML 1.2's booleans and numbers: yes, no, on and off are words here, and 1e-3 is a number."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in the base class
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_PlainYaml.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false|True|False)$"), list("tfTF"))
_PlainYaml.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.inf|\.nan)$"),
    list("-+.0123456789"),
)


def load_yaml(text: str) -> Any:
    """Plain data from YAML text."""
    return yaml.load(text, Loader=_PlainYaml)


PARSER_MODE = "plain_yaml"
set_loader(PARSER_MODE, load_yaml, exceptions=(yaml.YAMLError,))


def as_option(argument: str) -> str:
    """``key=value`` means ``--key=value``; ``data=NAME`` and ``trainer.logger=NAME`` may be short names."""
    option = argument if argument.startswith("-") else f"--{argument}"
    key, equals, value = option.partition("=")
    if not argument.startswith("-") and not equals:
        raise UsageError(f"'{argument}' is no setting: write key=value, such as trainer.max_epochs=3")
    if key in ("--data", "--data.help") and "." not in value:
        if value not in DATA_MODULES:
            raise UsageError(
                f"there are no data '{value}'; there are: {', '.join(DATA_MODULES)}, or a class path of your own"
            )
        return f"{key}={DATA_MODULES[value]}"
    if key == "--trainer.logger" and value in LOGGERS:
        logger, package = LOGGERS[value]
        if find_spec(package) is None:
            raise UsageError(f"trainer.logger={value} needs the package {package}: pip install {package}")
        return f"{key}=lightning.pytorch.loggers.{logger}"
    return option


def explained(message: str, keys: Sequence[str]) -> str:
    """A parser's message as one sentence, with what exists where the key given does not."""
    if unknown := re.search(r"unrecognized arguments: --([\w.]+)", message):
        return _no_such(unknown[1], keys)
    if unknown := re.search(r"class_path '([\w.]+)':\s+Option '(\w+)' is not accepted", message):
        accepted = inspect.signature(cast(type, locate(unknown[1]))).parameters.values()
        return _no_such(f"data.{unknown[2]}", [f"data.{p.name}" for p in accepted if p.kind is p.KEYWORD_ONLY])
    names = re.findall(r'Parser key "([\w.]+)"', message)
    nested = re.search(r"Given value: NestedArg\(key='(\w+)', val=(.*)\)", message)
    if nested and nested[1] not in names:
        names.append(nested[1])
    key = ".".join(names)
    given = nested[2] if nested else repr(v[1]) if (v := re.search(r"(?:Given|Got) value: (.*)", message)) else ""
    if choice := re.search(r"Expected a typing.Literal\[(.*?)\]", message):
        return f"{key} must be one of {choice[1]}; got {given}"
    reasons = [r for r in re.findall(r"^\s*- (.+)", message, re.M) if "NoneType" not in r]
    expected = [e for e in re.findall(r"Expected an? <class '(\w+)'>", message) if e != "NoneType"]
    if key and expected:
        return f"{key} must be {' or '.join(expected)}; got {given}"
    if nested:
        return f"{key} can't be {given}"
    return "; ".join(filter(None, [key, *reasons])) if reasons else message


def _no_such(key: str, keys: Sequence[str]) -> str:
    section = key.rpartition(".")[0]
    near = [k for k in keys if section and k.startswith(f"{section}.")] or sorted({k.split(".")[0] for k in keys})
    close = difflib.get_close_matches(key, keys, n=1)
    meant = f" (did you mean {close[0]}?)" if close else ""
    return f"there is no setting '{key}'{meant}; there are: {', '.join(near)}"


def quiet_lightning() -> None:
    """Keep Lightning's hints out of the output; errors and our own warnings stay."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")  # LightningCLI calls the older names
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        ".*LeafSpec.*",
        ".*LightningCLI's args parameter.*",
        ".*Using `DistributedSampler` with the dataloaders.*",  # ours repeats nothing
        ".*module\\(s\\) in eval mode at the start of training.*",  # a teacher stays as it is
    ):
        warnings.filterwarnings("ignore", message=message)
