"""C sources for the firmware: the model, inputs to try it on with the answers it must give, and the features' settings.

Plain C99 that also compiles as C++ headers. Arrays lie in .c files, so that a header may be included many times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reds_torch.data.speech.features import FLOOR, HIGHEST_HZ, LOWEST_HZ, MEL_CHANNELS, SAMPLE_RATE, FeatureSettings

from .error import BridgeError

# Names of files: no framework has a header whose name begins like this.
MODEL = "reds_generated_model"
TEST_INPUTS = "reds_generated_test_inputs"
FEATURES = "reds_generated_speech_features"

_NOTE = "/* Written by `python -m bridge`: changes are lost when it runs again. */\n"
_WIDTH = 118  # of a line of numbers


@dataclass(frozen=True)
class DeviceModel:
    """What the firmware needs to know of a model.

    Attributes:
        data: the .tflite file with the REDS table inside.
        labels: names of the classes.
        input_shape: (height, width, channels) of one input.
        input_scale: of the int8 input: ``real = scale * (stored - zero_point)``.
        input_zero_point: the same for all subnetworks.
        output_scales: for each subnetwork.
        output_zero_points: for each subnetwork.
        arena_size: bytes that the interpreter needs for the full network.
    """

    data: bytes
    labels: tuple[str, ...]
    input_shape: tuple[int, ...]
    input_scale: float
    input_zero_point: int
    output_scales: tuple[float, ...]
    output_zero_points: tuple[int, ...]
    arena_size: int


@dataclass(frozen=True)
class Examples:
    """Inputs int8 (N, height, width, channels), their classes (N,), and outputs int8 (subnetworks, N, classes)."""

    inputs: np.ndarray
    labels: np.ndarray
    outputs: np.ndarray


def write_sources(folder: Path, model: DeviceModel, examples: Examples, features: FeatureSettings | None) -> None:
    """Make a folder with the sources of the model, of the test inputs and, for speech, of the features' settings."""
    sources = {**model_sources(model), **test_sources(examples)}
    if features is not None:
        sources[f"{FEATURES}.h"] = features_header(features)
    folder.mkdir()
    for name, text in sources.items():
        (folder / name).write_text(text)


def model_sources(model: DeviceModel) -> dict[str, str]:
    """reds_generated_model.h and reds_generated_model.c."""
    height, width, channels = _three(model.input_shape)
    subnetworks, classes = len(model.output_scales), len(model.labels)
    declarations = [
        "/* The .tflite file, aligned to 16 bytes. The table of the subnetworks lies inside it. */",
        "extern const uint8_t model_data[MODEL_SIZE];",
        "extern const char *const model_labels[MODEL_CLASSES];",
        "",
        "/* real = scale * (stored - zero_point); a subnetwork may have an output scale of its own. */",
        "extern const float model_input_scale;",
        "extern const int8_t model_input_zero_point;",
        "extern const float model_output_scale[MODEL_SUBNETWORKS];",
        "extern const int8_t model_output_zero_point[MODEL_SUBNETWORKS];",
    ]
    constants = {
        "MODEL_SIZE": len(model.data),
        "MODEL_SUBNETWORKS": subnetworks,
        "MODEL_CLASSES": classes,
        "MODEL_INPUT_SIZE": height * width * channels,
        "MODEL_INPUT_HEIGHT": height,
        "MODEL_INPUT_WIDTH": width,
        "MODEL_INPUT_CHANNELS": channels,
        "MODEL_ARENA_SIZE": model.arena_size,
    }
    labels = ",\n    ".join(map(c_string, model.labels))
    source = [
        f'#include "{MODEL}.h"\n',
        "#if defined(__GNUC__)\n#define ALIGNED __attribute__((aligned(16)))\n#else\n#define ALIGNED\n#endif\n",
        f"const uint8_t model_data[MODEL_SIZE] ALIGNED = {c_array(model.data)};\n",
        f"const char *const model_labels[MODEL_CLASSES] = {{\n    {labels},\n}};\n",
        f"const float model_input_scale = {c_float(model.input_scale)};",
        f"const int8_t model_input_zero_point = {model.input_zero_point};",
        f"const float model_output_scale[MODEL_SUBNETWORKS] = {c_array(map(c_float, model.output_scales))};",
        f"const int8_t model_output_zero_point[MODEL_SUBNETWORKS] = {c_array(model.output_zero_points)};",
    ]
    return {f"{MODEL}.h": _header(MODEL, constants, declarations), f"{MODEL}.c": _NOTE + "\n".join(source) + "\n"}


def test_sources(examples: Examples) -> dict[str, str]:
    """reds_generated_test_inputs.h and reds_generated_test_inputs.c."""
    constants = {"TEST_INPUTS": len(examples.inputs)}
    declarations = [
        "extern const int8_t test_inputs[TEST_INPUTS][MODEL_INPUT_SIZE];",
        "extern const uint16_t test_labels[TEST_INPUTS];",
        "/* What TensorFlow Lite Micro computes, subnetwork by subnetwork. */",
        "extern const int8_t test_outputs[MODEL_SUBNETWORKS][TEST_INPUTS][MODEL_CLASSES];",
    ]
    rows = examples.inputs.reshape(len(examples.inputs), -1)
    outputs = ",\n".join(c_array(map(c_array, of_subnetwork)) for of_subnetwork in examples.outputs)
    source = [
        f'#include "{TEST_INPUTS}.h"\n',
        f"const int8_t test_inputs[TEST_INPUTS][MODEL_INPUT_SIZE] = {c_array(map(c_array, rows))};\n",
        f"const uint16_t test_labels[TEST_INPUTS] = {c_array(examples.labels)};\n",
        f"const int8_t test_outputs[MODEL_SUBNETWORKS][TEST_INPUTS][MODEL_CLASSES] = {{{outputs}}};",
    ]
    header = _header(TEST_INPUTS, constants, declarations, includes=[f'"{MODEL}.h"'])
    return {f"{TEST_INPUTS}.h": header, f"{TEST_INPUTS}.c": _NOTE + "\n".join(source) + "\n"}


def features_header(settings: FeatureSettings) -> str:
    """reds_generated_speech_features.h: how the model's inputs are computed from sound, in samples and Hz."""
    constants: dict[str, int | str] = {
        "FEATURES_SAMPLE_RATE": SAMPLE_RATE,
        "FEATURES_WINDOW": settings.window,
        "FEATURES_STRIDE": settings.stride,
        "FEATURES_FFT_LENGTH": settings.fft_length,
        "FEATURES_FRAMES": settings.frames,
        "FEATURES_COEFFICIENTS": settings.coefficients,
        "FEATURES_MEL_CHANNELS": MEL_CHANNELS,
        "FEATURES_LOWEST_HZ": c_float(LOWEST_HZ),
        "FEATURES_HIGHEST_HZ": c_float(HIGHEST_HZ),
        "FEATURES_FLOOR": c_float(FLOOR),
    }
    return _header(FEATURES, constants, [])


def c_string(text: str) -> str:
    r"""A C string literal; what is not plain ASCII is written as octal escapes of its UTF-8 bytes."""
    plain = set(b" !#$%&'()*+,-./0123456789:;<=>@[]^_`{|}~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in text.encode()) + '"'


def c_float(value: float) -> str:
    """A float literal that reads back as the same float32."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if any(c in text for c in ".e") else f"{text}.0f"


def c_array(values: Iterable[object]) -> str:
    """An initializer, broken into lines."""
    lines, line = [], "   "
    for value in values:
        text = f" {value},"
        if len(line) + len(text) > _WIDTH and line.strip():
            lines.append(line)
            line = "   "
        line += text
    return "{\n" + "\n".join([*lines, line]) + "\n}"


def _header(
    name: str, constants: Mapping[str, object], declarations: Sequence[str], includes: Sequence[str] = ("<stdint.h>",)
) -> str:
    guard = f"{name.upper()}_H"
    lines = [f"#ifndef {guard}", f"#define {guard}", ""]
    if declarations:
        lines += [*(f"#include {included}" for included in includes), ""]
    lines += [f"#define {constant} {value}" for constant, value in constants.items()]
    if declarations:
        lines += ["", "#ifdef __cplusplus", 'extern "C" {', "#endif", "", *declarations, ""]
        lines += ["#ifdef __cplusplus", "}", "#endif"]
    return _NOTE + "\n".join([*lines, "", f"#endif /* {guard} */", ""])


def _three(shape: Sequence[int]) -> tuple[int, int, int]:
    """(height, width, channels); a vector is one position of many channels."""
    if not 1 <= len(shape) <= 3:
        raise BridgeError(f"the firmware takes inputs of one to three axes, not of shape {tuple(shape)}")
    height, width, channels = (*(1,) * (3 - len(shape)), *shape)
    return height, width, channels
