"""The sources of every environment of platformio.ini, compiled and linked in PlatformIO's order for its processor."""

import re
import shutil
from pathlib import Path

import board_builds
import numpy as np
import pytest

from bridge.headers import DeviceModel, Examples, write_sources
from firmware import flash
from reds_torch.data.speech.features import FeatureSettings

FIRMWARE = Path(__file__).parents[2] / "firmware"
OURS = re.compile(r"(reds|app|model|test)_|reds::|(setup|loop)\b")  # a framework may define any other name


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """firmware/ beside a build/flash/ that the bridge has filled."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(FIRMWARE, folder / "firmware", ignore=shutil.ignore_patterns("__pycache__"))
    random = np.random.default_rng(0)
    inputs = random.integers(-128, 128, (2, 5, 3, 1), dtype=np.int8)
    outputs = random.integers(-128, 128, (3, 2, 4), dtype=np.int8)
    model = DeviceModel(bytes(64), ("a", "b", "c", "d"), (5, 3, 1), 0.1, -128, (1.0, 0.5, 0.2), (0, 1, 2), 1024)
    (folder / "build" / "flash").mkdir(parents=True)
    generated = folder / "build" / "flash" / "firmware"
    write_sources(generated, model, Examples(inputs, np.array([0, 3]), outputs), FeatureSettings())
    return folder


@pytest.fixture(scope="module")
def headers(project: Path) -> list[str]:
    """Names of all headers, written and generated."""
    return [path.name for path in sorted(project.rglob("*.h"))]


@pytest.mark.parametrize("name", flash.boards())
def test_program_of_a_board_compiles_and_links(project: Path, tmp_path: Path, name: str) -> None:
    pytest.importorskip("platformio", reason="PlatformIO is not installed")
    if not (shutil.which("arm-none-eabi-gcc") and shutil.which("arm-none-eabi-g++")):
        pytest.skip("no cross compiler: install gcc-arm-none-eabi and libnewlib-arm-none-eabi")
    environment = board_builds.read_environment(project / "firmware" / "platformio.ini", name)
    objects = board_builds.compile_environment(environment, tmp_path / "objects")
    board_builds.link(environment, objects, tmp_path / "program.elf")
    assert [name for name in board_builds.global_names(objects) if not OURS.match(name)] == []


def test_every_environment_is_compiled(project: Path) -> None:
    pytest.importorskip("platformio", reason="PlatformIO is not installed")
    assert board_builds.environment_names(project / "firmware" / "platformio.ini") == flash.boards()


def test_no_two_headers_have_one_name(headers: list[str]) -> None:
    assert len({name.lower() for name in headers}) == len(headers)


def test_headers_have_names_that_frameworks_have_not(headers: list[str]) -> None:
    theirs = re.findall(r"\w+\.h\b", (Path(__file__).parent / "framework_headers.txt").read_text())
    assert len(theirs) > 50
    # on macOS and Windows, case does not count
    assert not {name.lower() for name in headers} & {name.lower() for name in theirs}
    assert [name for name in headers if not name.startswith("reds_")] == ["reds.h"]
