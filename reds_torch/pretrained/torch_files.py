"""Reading the weights of a torch checkpoint, whoever wrote it."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..checkpoint.file import FORMAT
from .error import PretrainedError


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a state_dict, a Lightning checkpoint or a nested checkpoint, by their names there.

    Raises:
        PretrainedError: there is none, it is damaged, or holds anything but tensors and plain data.
    """
    if path.suffix in {".npz", ".index"}:
        raise PretrainedError(f"{path} holds weights of TensorFlow: write arm:{path}")
    if not path.is_file():
        raise PretrainedError(f"there are no pretrained weights at {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PretrainedError(
            f"{path} is damaged or holds more than weights (save the model's state_dict only): {reason}"
        ) from error
    if isinstance(content, Mapping):
        key = "weights" if content.get("format") == FORMAT else "state_dict"
        content = content.get(key, content)
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise PretrainedError(f"{path} holds no weights: it must be a state_dict or have one under state_dict")
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def fitting(weights: Mapping[str, Tensor], model: nn.Module, path: Path) -> dict[str, Tensor]:
    """The tensors by the model's names; a prefix that all of them have in the file is taken away.

    Raises:
        PretrainedError: names are missing or left over, or a shape is another one.
    """
    wanted = model.state_dict()
    found = [name.removesuffix(w) for name in weights for w in wanted if name == w or name.endswith(f".{w}")]

    def missing(prefix: str) -> list[str]:
        return [name for name in wanted if prefix + name not in weights]

    prefix = min(dict.fromkeys(["", *found]), key=lambda p: (len(missing(p)), len(p)))
    if lacks := missing(prefix):
        raise PretrainedError(f"{path} is of another network: it lacks {_some(lacks)}")
    mine = {name.removeprefix(prefix): t for name, t in weights.items() if name.startswith(prefix)}
    if left := [name for name in mine if name not in wanted]:
        raise PretrainedError(f"{path} is of another network: the model has no {_some(left)}")
    for name, tensor in wanted.items():
        theirs, needed = tuple(mine[name].shape), tuple(tensor.shape)
        if theirs != needed:
            raise PretrainedError(f"{path}: {name} has the shape {theirs}; the model needs {needed}")
    return mine


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
