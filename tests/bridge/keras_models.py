"""Small Keras models with random weights, quantized by TensorFlow's converter as a user's would be.

The tests read them from a file, which `python tests/bridge/keras_models.py` writes. It needs tensorflow; 2.19 wrote it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nested_models import Example, Groups

FILE = Path(__file__).parent / "references" / "keras_models.npz"
KINDS = ("float32", "int8")


@dataclass(frozen=True)
class Recipe:
    """How to build a model, and the width groups that its layers will have."""

    build: Callable[[Any], list[Any] | Any]
    shape: tuple[int, ...]  # of an input
    sizes: tuple[int, ...]  # of the groups
    groups: Groups


def dnn(layers: Any) -> list[Any]:
    return [*(layers.Dense(units, activation="relu") for units in (10, 9, 8)), layers.Dense(4)]


def cnn(layers: Any) -> list[Any]:
    return [
        layers.Conv2D(6, (4, 3), activation="relu"),
        layers.Conv2D(5, (3, 2), strides=(2, 1), activation="relu"),
        layers.Flatten(),
        layers.Dense(7),
        layers.Dense(9, activation="relu"),
        layers.Dense(4),
    ]


def ds_cnn(layers: Any) -> list[Any]:
    return [
        layers.ZeroPadding2D(((1, 2), (0, 3))),
        layers.Conv2D(6, (4, 3), strides=2, activation="relu"),
        layers.DepthwiseConv2D(3, padding="same", activation="relu"),
        layers.Conv2D(7, 1, activation="relu"),
        layers.ZeroPadding2D(((0, 2), (1, 0))),
        layers.DepthwiseConv2D(3, strides=2, activation="relu"),
        layers.Conv2D(5, 1, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(4),
    ]


def mobilenet(layers: Any) -> list[Any]:
    return [
        layers.Conv2D(6, 3, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.1),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.LeakyReLU(negative_slope=0.1),
        layers.Conv2D(8, 1),
        layers.LeakyReLU(negative_slope=0.1),
        layers.AveragePooling2D(2),
        layers.MaxPooling2D((1, 2)),
        layers.Flatten(),
        layers.Dense(3),
        layers.Softmax(),
    ]


class Residual:
    """A sum around two convolutions."""

    def __init__(self, layers: Any) -> None:
        self.stem = layers.Conv2D(6, 3, padding="same", activation="relu")
        self.inner = layers.Conv2D(5, 3, padding="same", activation="relu")
        self.outer = layers.Conv2D(6, 1)
        self.add, self.relu = layers.Add(), layers.ReLU()
        self.tail = [layers.GlobalAveragePooling2D(), layers.Dense(3)]

    def __call__(self, x: Any) -> Any:
        x = self.stem(x)
        x = self.relu(self.add([x, self.outer(self.inner(x))]))
        for layer in self.tail:
            x = layer(x)
        return x


RECIPES = {
    "dnn": Recipe(dnn, (12,), (10, 9, 8), [(None, 0, 1), (0, 1, 1), (1, 2, 1), (2, None, 1)]),
    "cnn": Recipe(cnn, (8, 6, 1), (6, 5, 7, 9), [(None, 0, 1), (0, 1, 1), (1, 2, 6), (2, 3, 1), (3, None, 1)]),
    "ds_cnn": Recipe(
        ds_cnn, (9, 6, 1), (6, 7, 5), [(None, 0, 1), (0, 0, 1), (0, 1, 1), (1, 1, 1), (1, 2, 1), (2, None, 1)]
    ),
    "mobilenet": Recipe(mobilenet, (8, 8, 3), (6, 8), [(None, 0, 1), (0, 0, 1), (0, 1, 1), (1, None, 2)]),
    "residual": Recipe(Residual, (6, 6, 2), (6, 5), [(None, 0, 1), (0, 1, 1), (1, 0, 1), (0, None, 1)]),
}


def examples(name: str) -> tuple[Example, ...]:
    """A recipe's model as float32 and as int8, with the groups of its layers."""
    with np.load(FILE) as files:
        return tuple(
            Example(files[f"{name}.{kind}"].tobytes(), RECIPES[name].sizes, RECIPES[name].groups) for kind in KINDS
        )


def convert(recipe: Recipe) -> tuple[bytes, bytes]:
    """The model with random weights as float32 and as int8 .tflite file."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    random = np.random.default_rng(0)
    inputs = tf.keras.Input(recipe.shape, batch_size=1)
    built = recipe.build(tf.keras.layers)
    outputs = inputs
    for layer in built if isinstance(built, list) else [built]:
        outputs = layer(outputs)
    model = tf.keras.Model(inputs, outputs)
    for weight in model.weights:
        weight.assign(random.normal(0, 0.5, weight.shape))
    traced = tf.function(model).get_concrete_function(tf.TensorSpec((1, *recipe.shape), tf.float32))
    constant = convert_variables_to_constants_v2(traced)
    files = []
    for quantized in (False, True):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([constant], model)
        if quantized:
            samples = random.normal(0, 1, (20, 1, *recipe.shape)).astype(np.float32)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda samples=samples: ([sample] for sample in samples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        files.append(converter.convert())
    return files[0], files[1]


if __name__ == "__main__":
    made = {
        f"{name}.{kind}": np.frombuffer(file, np.uint8)
        for name, recipe in RECIPES.items()
        for kind, file in zip(KINDS, convert(recipe), strict=True)
    }
    np.savez_compressed(FILE, **made)
