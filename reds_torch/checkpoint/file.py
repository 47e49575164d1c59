"""The nested checkpoint: one file that holds everything but code.

Architecture, width groups, subnetworks with their costs, weights and the caller's plain metadata (feature
settings, class names, ...). It is read with ``weights_only=True``: tensors and plain data, never code.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from ..costs import measure
from ..models import Architecture, build
from ..models.registry import BUILDERS
from ..nested.network import NestedNetwork, nest
from ..system.atomic import replacing
from .plain import as_plain, subnetwork_as_plain, subnetwork_from_plain

FORMAT = "reds-torch nested network"
VERSION = 1
T = TypeVar("T")


class CheckpointError(ValueError):
    """A file that is no nested checkpoint, or not one this version can read."""


def save(net: NestedNetwork, path: str | Path, **metadata: Any) -> None:
    """Write a nested network; the file appears whole or not at all.

    Args:
        net: the network with its subnetworks.
        path: where to; the folder must exist.
        metadata: plain values (numbers, strings, lists, dicts, tensors), found again in ``net.metadata``.

    Example:
        >>> import tempfile, torch
        >>> import reds_torch as reds
        >>> from reds_torch.models import dnn
        >>> net = reds.nest(dnn("s"), torch.zeros(1, 1, 25, 10))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     reds.save(net, f"{folder}/nested.ckpt", trained_on="voices of 2026")
        ...     again = reds.load(f"{folder}/nested.ckpt")
        >>> again.metadata["trained_on"]
        'voices of 2026'
    """
    architecture = getattr(net.model, "architecture", None)
    subnetworks = [s if s.costs else replace(s, costs=measure(net, s.widths)) for s in net.subnetworks]
    content = {
        "format": FORMAT,
        "version": VERSION,
        "torch": str(torch.__version__),
        "architecture": as_plain(asdict(architecture)) if isinstance(architecture, Architecture) else None,
        "nesting": {
            "input_shape": list(net.input_shape),
            "ignore": list(net.ignore),
            "round_to": net.round_to,
            "groups": {group.name: group.size for group in net.groups},
        },
        "subnetworks": [subnetwork_as_plain(subnetwork) for subnetwork in subnetworks],
        "weights": {name: tensor.detach().cpu().contiguous() for name, tensor in net.model.state_dict().items()},
        "batch_norm": net.batch_norm,
        "own": [{n: t.detach().cpu() for n, t in own.tensors().items()} for own in net.own],  # type: ignore[operator]
        "metadata": as_plain({**net.metadata, **metadata}),
    }
    with replacing(Path(path)) as temporary:
        torch.save(content, temporary)


def load(path: str | Path, model: nn.Module | None = None) -> NestedNetwork:
    """Read a nested network; its metadata are in ``net.metadata``.

    Args:
        path: a file that `save` wrote.
        model: the architecture, where it is not one of `reds_torch.models`; the object is taken over.

    Raises:
        CheckpointError: the file is missing, truncated, foreign, of another version, or for another model.

    Example:
        >>> import tempfile, torch
        >>> import reds_torch as reds
        >>> def network():
        ...     return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> net = reds.nest(network(), torch.zeros(1, 4))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     reds.save(net, f"{folder}/mine.ckpt")
        ...     again = reds.load(f"{folder}/mine.ckpt", model=network())
        >>> torch.equal(again(torch.ones(1, 4)), net(torch.ones(1, 4)))
        True
    """
    content = _read(Path(path))
    if model is None:
        if content["architecture"] is None:
            raise CheckpointError(f"{path} holds a network of your own: pass its architecture, load(path, model=...)")
        _check_known(path, content)
        model = _checked(path, _build, content["architecture"])
    _checked(path, model.load_state_dict, content["weights"])
    return _checked(path, _rebuild, model, content).eval()


def _check_known(path: str | Path, content: Mapping[str, Any]) -> None:
    """Refuse a model that a module registers which was not imported: the file does not decide what is."""
    architecture, metadata = content["architecture"], content["metadata"]
    if not (isinstance(architecture, Mapping) and isinstance(metadata, Mapping)):
        return  # what is damaged is refused where it is read
    name, plugins = architecture.get("name"), metadata.get("plugins")
    if name not in BUILDERS and plugins:
        raise CheckpointError(
            f"{path} holds the model '{name}', which plugins registered: give plugins=[{','.join(plugins)}] to the "
            "command, or import them"
        )


def _checked(path: str | Path, step: Callable[..., T], *arguments: Any) -> T:
    """Run a step of loading; what it stumbles over is the file's fault."""
    try:
        return step(*arguments)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, IndexError) as error:
        raise CheckpointError(f"the content of {path} doesn't fit the model or this release: {error}") from error


def _build(architecture: Mapping[str, Any]) -> nn.Module:
    return build(architecture["name"], **architecture["arguments"])


def _rebuild(model: nn.Module, content: Mapping[str, Any]) -> NestedNetwork:
    nesting = content["nesting"]
    example = torch.zeros(nesting["input_shape"])
    net = nest(model, example, ignore=nesting["ignore"], round_to=nesting["round_to"], copy=False)
    groups = {group.name: group.size for group in net.groups}
    if groups != nesting["groups"]:
        raise ValueError(f"it was written for the width groups {nesting['groups']}; the model has {groups}")
    net.subnetworks = tuple(subnetwork_from_plain(entry) for entry in content["subnetworks"])
    net.own_batch_norm(content["batch_norm"])
    for own, stored in zip(net.own, content["own"], strict=True):
        for name, tensor in own.tensors().items():  # type: ignore[operator]
            tensor.data.copy_(stored[name])
    net.metadata = dict(content["metadata"])
    return net


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint at {path}")
    try:
        # torch does not compare the archive's checksums
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        content = None if damaged else torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged or no checkpoint of reds-torch") from error
    if damaged:
        raise CheckpointError(f"{path} is damaged: the checksum of {damaged} is wrong")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path} is no nested checkpoint of reds-torch")
    if content.get("version") != VERSION:
        raise CheckpointError(
            f"{path} has version {content.get('version')} of the format; this release reads version {VERSION}"
        )
    missing = {"architecture", "nesting", "subnetworks", "weights", "batch_norm", "own", "metadata"} - set(content)
    if missing:
        raise CheckpointError(f"{path} lacks {', '.join(sorted(missing))}")
    return content
