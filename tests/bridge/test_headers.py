"""The C sources: what a compiled program reads is what was given."""

import shutil
import subprocess

import numpy as np
import pytest

from bridge.headers import DeviceModel, Examples, c_float, write_sources
from reds_torch.data.speech.features import FeatureSettings

LABELS = ("_silence_", 'say "yes" \\ no??/', "größer", "%d\n", "")

PROGRAM = r"""
#include <stdio.h>
#include "reds_generated_model.h"
#include "reds_generated_test_inputs.h"
#include "reds_generated_speech_features.h"

int main(void) {
    unsigned long sum = 0;
    int i, j, k;
    for (i = 0; i < MODEL_SIZE; i++) sum = (sum * 31u + model_data[i]) % 1000003u;
    printf("%lu %d\n", sum, (int)((uintptr_t)model_data % 16));
    printf("%.9g %d\n", model_input_scale, model_input_zero_point);
    for (k = 0; k < MODEL_SUBNETWORKS; k++) printf("%.9g %d\n", model_output_scale[k], model_output_zero_point[k]);
    for (i = 0; i < TEST_INPUTS; i++) {
        printf("%d", test_labels[i]);
        for (j = 0; j < MODEL_INPUT_SIZE; j++) printf(" %d", test_inputs[i][j]);
        for (k = 0; k < MODEL_SUBNETWORKS; k++)
            for (j = 0; j < MODEL_CLASSES; j++) printf(" %d", test_outputs[k][i][j]);
        printf("\n");
    }
    printf("%d %d %d %d %g\n", FEATURES_WINDOW, FEATURES_STRIDE, FEATURES_FRAMES, FEATURES_FFT_LENGTH, FEATURES_FLOOR);
    printf("%d %d %d %d", MODEL_INPUT_HEIGHT, MODEL_INPUT_WIDTH, MODEL_INPUT_CHANNELS, MODEL_ARENA_SIZE);
    for (i = 0; i < MODEL_CLASSES; i++) printf("|%s", model_labels[i]);
    return 0;
}
"""


@pytest.fixture
def content() -> tuple[DeviceModel, Examples]:
    random = np.random.default_rng(0)
    data = random.integers(0, 256, 1000, dtype=np.uint8).tobytes()
    model = DeviceModel(data, LABELS, (5, 3, 2), 0.1, -128, (1 / 3, 5.0, 1e-9), (127, 0, -128), 4321)
    examples = Examples(
        random.integers(-128, 128, (4, 5, 3, 2), dtype=np.int8),
        np.array([0, 4, 2, 1]),
        random.integers(-128, 128, (3, 4, len(LABELS)), dtype=np.int8),
    )
    return model, examples


@pytest.mark.parametrize("compiler, standard", [("gcc", "c99"), ("gcc", "c11"), ("g++", "c++14")])
def test_a_program_reads_what_was_written(tmp_path, content, compiler, standard):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} on this machine")
    model, examples = content
    folder = tmp_path / "firmware"
    write_sources(folder, model, examples, FeatureSettings(stride_ms=20))
    main = folder / ("main.c" if compiler == "gcc" else "main.cpp")
    main.write_text(PROGRAM)
    strict = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
    generated = ("reds_generated_model", "reds_generated_test_inputs")
    for name in generated:
        subprocess.run(["gcc", "-std=c99", *strict, "-c", f"{name}.c"], cwd=folder, check=True)
    subprocess.run(
        [compiler, f"-std={standard}", *strict, main.name, *(f"{name}.o" for name in generated), "-o", "main"],
        cwd=folder,
        check=True,
    )
    *lines, last = subprocess.run([folder / "main"], check=True, capture_output=True).stdout.decode().split("\n", 10)

    checksum = 0
    for byte in model.data:
        checksum = (checksum * 31 + byte) % 1000003
    assert lines[0] == f"{checksum} 0"
    quantization = [line.split() for line in lines[1:5]]
    scales = [model.input_scale, *model.output_scales]
    assert [np.float32(scale) for scale, _ in quantization] == [np.float32(scale) for scale in scales]
    assert [int(point) for _, point in quantization] == [-128, 127, 0, -128]
    for i, line in enumerate(lines[5:9]):
        numbers = [examples.labels[i], *examples.inputs[i].ravel(), *examples.outputs[:, i].ravel()]
        assert list(map(int, line.split())) == numbers
    assert lines[9] == "640 320 49 1024 1e-12"
    assert last == "|".join(["5 3 2 4321", *LABELS])


@pytest.mark.parametrize("value", [0.1, 1.0, 3e10, 1e-12, 16777216.0, float(np.float32(np.pi))])
def test_float_literals_read_back_the_same(value):
    literal = c_float(value)
    assert literal.endswith("f") and np.float32(literal[:-1]) == np.float32(value)
    assert "." in literal or "e" in literal
