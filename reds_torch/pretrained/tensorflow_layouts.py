"""Weights in TensorFlow's layouts, for networks of torch.

TensorFlow keeps channels last: kernels are (height, width, inputs, outputs), depth-wise ones (height,
width, channels, multiplier), dense ones (inputs, outputs), and a flattened map is (height, width, channels).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .error import PretrainedError
from .tensorflow_files import Arrays

Map = tuple[int, int, int]  # (channels, height, width)
Layers = dict[str, list[tuple[str, Arrays]]]  # of each kind, in order: the layer's name and its variables

# TensorFlow's names of batch norm's vectors, and torch's
_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def torch_weights(model: nn.Module, arrays: Arrays, path: Path) -> dict[str, Tensor]:
    """The arrays as tensors by the names of the model's state_dict.

    Layers of a kind (convolution, depth-wise convolution, dense, batch norm) are matched in order.

    Args:
        model: a network of `reds_torch.models` whose layers stand in the order of their use.
        arrays: from `read_arrays`.
        path: where they come from, for the messages.

    Raises:
        PretrainedError: the arrays are of another network; the message names layer and shape.
    """
    theirs = _layers(arrays, path)
    flattened = _flattened_maps(model)
    weights: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        kind = _kind(module)
        if kind is None:
            continue
        if not theirs[kind]:
            raise PretrainedError(f"{path} is of another network: it has no {kind} layer for '{name}'")
        layer, variables = theirs[kind].pop(0)
        converted = _in_torch_layout(module, variables, f"{path}: {layer}", flattened.get(name))
        for variable, array in converted.items():
            weights[f"{name}.{variable}"] = torch.from_numpy(np.ascontiguousarray(array))
    if new := [name for name, _ in model.named_parameters() if name not in weights]:
        raise PretrainedError(f"the model has {new[0]}, which no network of Arm's has: {path} doesn't fit")
    if left := [layer for layers in theirs.values() for layer, _ in layers]:
        raise PretrainedError(f"{path} is of another network: the model has no layer for its {', '.join(left)}")
    return weights


def _kind(module: nn.Module) -> str | None:
    if isinstance(module, nn.Conv2d):
        return "depth-wise" if module.groups > 1 else "convolutional"
    if isinstance(module, nn.Linear):
        return "dense"
    return "batch-norm" if isinstance(module, _BatchNorm) else None


def _layers(arrays: Arrays, path: Path) -> Layers:
    """Sort variables into layers: those of a kind in the order of the numbers that Keras appends to names."""
    variables: dict[str, Arrays] = {}
    for name, array in arrays.items():
        layer, _, variable = name.rpartition("/")
        variables.setdefault(layer, {})[variable] = array
    layers: Layers = {"convolutional": [], "depth-wise": [], "dense": [], "batch-norm": []}

    def number(layer: str) -> int:
        found = re.search(r"[_-](\d+)$", layer)
        return int(found[1]) if found else 0

    for layer in sorted(variables, key=number):
        mine = variables[layer]
        rank = mine["kernel"].ndim if "kernel" in mine else 0
        if "depthwise_kernel" in mine:
            layers["depth-wise"].append((layer, mine))
        elif rank in {2, 4}:
            layers["dense" if rank == 2 else "convolutional"].append((layer, mine))
        elif set(mine) == set(_NORM):
            layers["batch-norm"].append((layer, mine))
        else:
            raise PretrainedError(
                f"{path}: '{layer}' has the variables {', '.join(sorted(mine))}: no layer that is known here"
            )
    return layers


def _flattened_maps(model: nn.Module) -> dict[str, Map]:
    """The map that is flattened in front of a linear layer, by the layer's name."""
    architecture = getattr(model, "architecture", None)
    if architecture is None:
        raise PretrainedError("Arm's weights fit this project's dnn, cnn and ds_cnn, not a network of your own")
    shapes: dict[nn.Module, Map] = {}

    def remember(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        _, channels, height, width = inputs[0].shape
        shapes[module] = (channels, height, width)

    flattens = [module for module in model.modules() if isinstance(module, nn.Flatten)]
    hooks = [module.register_forward_pre_hook(remember) for module in flattens]
    training = model.training
    with torch.no_grad():
        model.eval()(torch.zeros(1, *architecture.arguments["input_shape"]))
    model.train(training)
    for hook in hooks:
        hook.remove()
    behind: dict[str, Map] = {}
    flattened: Map | None = None
    for name, module in model.named_modules():
        flattened = shapes.get(module, flattened)
        if isinstance(module, nn.Linear) and flattened is not None:
            behind[name], flattened = flattened, None
    return behind


def _in_torch_layout(module: nn.Module, variables: Arrays, where: str, flattened: Map | None) -> Arrays:
    """A layer's arrays by torch's names, in torch's layout."""
    if isinstance(module, _BatchNorm):
        _check(variables, dict.fromkeys(_NORM, (module.num_features,)), where)
        return {_NORM[name]: array for name, array in variables.items()}
    assert isinstance(module, nn.Conv2d | nn.Linear)
    outputs = module.weight.shape[0]
    bias = {} if module.bias is None else {"bias": (outputs,)}
    if isinstance(module, nn.Linear):
        _check(variables, {"kernel": (module.in_features, outputs), **bias}, where)
        channels, height, width = flattened or (module.in_features, 1, 1)
        weight: np.ndarray = variables["kernel"].reshape(height, width, channels, outputs).transpose(3, 2, 0, 1)
    elif module.groups > 1:
        shape = (*module.kernel_size, module.groups, outputs // module.groups)
        _check(variables, {"depthwise_kernel": shape, **bias}, where)
        weight = variables["depthwise_kernel"].transpose(2, 3, 0, 1)
    else:
        _check(variables, {"kernel": (*module.kernel_size, module.in_channels, outputs), **bias}, where)
        weight = variables["kernel"].transpose(3, 2, 0, 1)
    return {"weight": weight.reshape(module.weight.shape), **{n: variables[n] for n in bias}}


def _check(variables: Arrays, shapes: Mapping[str, tuple[int, ...]], where: str) -> None:
    if set(variables) != set(shapes):
        raise PretrainedError(
            f"{where} has {', '.join(sorted(variables))}; the model needs {', '.join(sorted(shapes))}"
        )
    for name, shape in shapes.items():
        if variables[name].shape != shape:
            raise PretrainedError(f"{where}/{name} has the shape {variables[name].shape}; the model needs {shape}")
