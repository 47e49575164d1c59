"""The program in firmware/README.md, built around a small model and run."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

FIRMWARE = Path(__file__).parents[2] / "firmware"

PROGRAM = """\
#include <stdio.h>
#include <string.h>
{includes}
#include "reds_generated_test_inputs.h"
{globals}
int main(void)
{{
    const int8_t *features = test_inputs[0];
    {statements}
    fwrite(network.output.data, 1, MODEL_CLASSES, stdout);
    return 0;
}}
"""


def test_program_in_the_readme(model_folder: Path, tmp_path: Path) -> None:
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    snippet = re.search(r"```c\n(.*?)```", (FIRMWARE / "README.md").read_text(), re.DOTALL)
    assert snippet
    lines = snippet[1].splitlines()
    parts = {
        "includes": [line for line in lines if line.startswith("#include")],
        "globals": [line for line in lines if line.startswith("static")],
    }
    parts["statements"] = [line for line in lines if not any(line in part for part in parts.values())]
    source = tmp_path / "readme.c"
    source.write_text(PROGRAM.format(**{name: "\n".join(part) for name, part in parts.items()}))
    model = model_folder / "firmware"
    sources = [source, *sorted(model.glob("*.c")), *sorted((FIRMWARE / "core").glob("*.c"))]
    includes = [f"-I{model}", f"-I{FIRMWARE / 'core'}"]
    subprocess.run(["cc", "-std=c99", "-Wall", *includes, *sources, "-o", tmp_path / "readme"], check=True)
    answer = subprocess.run([tmp_path / "readme"], capture_output=True, check=True).stdout
    with np.load(model_folder / "test_data.npz") as data:
        assert answer == data["outputs"][2, 0].tobytes()
