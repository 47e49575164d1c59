"""The environments of platformio.ini as PlatformIO reads them, compiled without it for the same processors.

PlatformIO's own builder would download each board's toolchain and framework. Here Debian's cross compiler takes the
place of the toolchains and stand_in/ that of the frameworks; which sources are compiled, and with which folders,
definitions and flags in which order, is what PlatformIO would do.
"""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template

STAND_IN = Path(__file__).parent / "stand_in"
SOURCES = ("c", "cc", "cpp")


@dataclass(frozen=True)
class Board:
    """What PlatformIO knows of a board: its clock, and the flags that its framework is compiled with."""

    clock: str
    processor: tuple[str, ...]


_FLOATS = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16")
BOARDS = {
    "nano33ble": Board("64000000L", (*_FLOATS, "-mfloat-abi=softfp", "-funsigned-char")),
    "pico": Board("133000000L", ("-mcpu=cortex-m0plus", "-mthumb", "-funsigned-char")),
    "nucleo_f446re": Board("180000000L", (*_FLOATS, "-mfloat-abi=hard")),
}
# As the frameworks of all boards have it; threadsafe statics would need the C++ library.
_SIZES = ("-Os", "-ffunction-sections", "-fdata-sections")
_LANGUAGES = {
    ".c": ("arm-none-eabi-gcc", "-std=gnu11", "-Werror=implicit"),
    ".cpp": ("arm-none-eabi-g++", "-std=gnu++14", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"),
}


@dataclass(frozen=True)
class Environment:
    """An environment of platformio.ini; paths are relative to its folder.

    Attributes:
        project: the folder of platformio.ini.
        sources: what is compiled.
        flags: of every compilation, those of the framework left out.
        removed: flags of the framework that are taken away.
        has_library: whether TensorFlow Lite Micro is among the libraries.
        board: its clock and processor.
    """

    project: Path
    sources: tuple[str, ...]
    flags: tuple[str, ...]
    removed: frozenset[str]
    has_library: bool
    board: Board


def environment_names(ini: Path) -> list[str]:
    """Names of the environments in a platformio.ini."""
    from platformio.project.config import ProjectConfig

    return ProjectConfig(str(ini)).envs()


def read_environment(ini: Path, name: str) -> Environment:
    """An environment as PlatformIO reads it."""
    from platformio.fs import match_src_files
    from platformio.project.config import ProjectConfig

    config, section = ProjectConfig(str(ini)), f"env:{name}"
    board = BOARDS[config.get(section, "board")]
    sources = (ini.parent / config.getraw("platformio", "src_dir")).resolve()
    flags = Template("\n".join(config.get(section, "build_flags"))).substitute(BOARD_F_CPU=board.clock)
    return Environment(
        project=ini.parent,
        sources=tuple(match_src_files(str(sources), config.get(section, "build_src_filter"), SOURCES)),
        flags=tuple(shlex.split(flags)),
        removed=frozenset(config.get(section, "build_unflags")),
        has_library=bool(config.get(section, "lib_deps", [])),
        board=board,
    )


def compile_environment(environment: Environment, build: Path) -> list[Path]:
    """Compiles all sources of an environment; returns its objects."""
    return [_compile(environment, source, build) for source in environment.sources]


def link(environment: Environment, objects: list[Path], program: Path) -> None:
    """Links objects with the stand-in of the framework."""
    core = _compile(environment, str(STAND_IN / "arduino" / "core.cpp"), program.parent)
    command = ["arm-none-eabi-gcc", *environment.board.processor, "--specs=nosys.specs", *map(str, [*objects, core])]
    _run([*command, "-o", str(program)], environment.project)


def global_names(objects: list[Path]) -> set[str]:
    """What objects define for all others to see, C++ names without their arguments' types left out."""
    lines = _run(["arm-none-eabi-nm", "-C", "-g", "--defined-only", *map(str, objects)], Path()).splitlines()
    symbols = [line.split(maxsplit=2) for line in lines if len(line.split(maxsplit=2)) == 3]
    return {name for _, kind, name in symbols if kind not in "WVwv"}  # weak ones may be there many times


def _compile(environment: Environment, source: str, build: Path) -> Path:
    """PlatformIO's order: the project's own folder, those of libraries, those of build_flags, the framework's."""
    libraries = [f"-I{STAND_IN / 'tflm'}"] if environment.has_library else []
    framework = [f"-I{STAND_IN / 'arduino'}", "-idirafter", str(STAND_IN / "cpp")]
    own = [flag for flag in _SIZES if flag not in environment.removed]
    flags = [*environment.board.processor, *own, f"-I{environment.project}", *libraries, *environment.flags, *framework]
    build.mkdir(parents=True, exist_ok=True)
    result = build / f"{source.replace('..', '').replace('/', '_')}.o"
    compiler = _LANGUAGES[Path(source).suffix]
    _run([*compiler, *flags, "-c", source, "-o", str(result)], environment.project)
    return result


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stderr}"
    return done.stdout
