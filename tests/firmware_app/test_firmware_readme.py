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
{globals}
int main(void)
{{
    int8_t features[MODEL_INPUT_SIZE];
    if (fread(features, 1, sizeof features, stdin) != sizeof features) return 1;
    {statements}
    fwrite(network.output.data, 1, MODEL_CLASSES, stdout);
    return 0;
}}
"""


def test_program_in_the_readme(model_folder: Path, tmp_path: Path) -> None:
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    page = (FIRMWARE / "README.md").read_text()
    snippet = re.search(r"```c\n(.*?)```", page, re.DOTALL)
    command = re.search(r"`(cc [^`]*)`", page)
    assert snippet and command
    lines = snippet[1].splitlines()
    parts = {
        "includes": [line for line in lines if line.startswith("#include")],
        "globals": [line for line in lines if line.startswith("static")],
    }
    parts["statements"] = [line for line in lines if not any(line in part for part in parts.values())]
    (tmp_path / "program.c").write_text(PROGRAM.format(**{name: "\n".join(part) for name, part in parts.items()}))
    (tmp_path / "firmware").symlink_to(FIRMWARE)
    (tmp_path / "DIR").symlink_to(model_folder)
    subprocess.run(command[1], shell=True, cwd=tmp_path, check=True)
    with np.load(model_folder / "test_data.npz") as data:
        features = data["inputs"][0].tobytes()
        answer = subprocess.run([tmp_path / "program"], input=features, capture_output=True, check=True).stdout
        assert answer == data["outputs"][2, 0].tobytes()
