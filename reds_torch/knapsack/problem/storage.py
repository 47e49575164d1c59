"""Problems as files, so that a search can be repeated and inspected: .npz (compact) or .json (readable)."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...system.atomic import replacing
from .width_problem import Array, Group, ProblemError, Step, Table, WidthProblem

FORMAT = "reds_torch width problem"
VERSION = 1


def save_problem(problem: WidthProblem, path: str | Path) -> None:
    """Write a problem to ``path``, whose suffix names the format, .npz or .json; an older file is replaced."""
    path = Path(path)
    arrays: dict[str, Array] = {}

    def stored(array: Array) -> str:
        name = f"array_{len(arrays)}"
        arrays[name] = array
        return name

    with replacing(path) as temporary:
        if _suffix(path) == ".json":
            temporary.write_text(json.dumps(_document(problem, lambda array: array.tolist())), encoding="utf-8")
        else:
            document = json.dumps(_document(problem, stored))
            with temporary.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, document=np.array(document), **arrays)


def load_problem(path: str | Path) -> WidthProblem:
    """Read a problem that ``save_problem`` has written.

    Raises:
        ProblemError: no such file, or a file that holds no problem of this version.
    """
    path = Path(path)
    if not path.is_file():
        raise ProblemError(f"there is no file {path}; give a .npz or .json that save_problem has written")
    try:
        if _suffix(path) == ".json":
            return _problem(json.loads(path.read_text(encoding="utf-8")), np.array)
        with np.load(path, allow_pickle=False) as arrays:
            return _problem(json.loads(str(arrays["document"])), lambda name: np.array(arrays[name]))
    except (
        KeyError,
        TypeError,
        EOFError,
        zipfile.BadZipFile,
        UnicodeDecodeError,
        json.JSONDecodeError,
    ) as error:
        raise ProblemError(f"{path} holds no width problem, or is damaged: {error!r}") from error
    except ProblemError as error:
        raise ProblemError(f"{path}: {error}") from error
    except ValueError as error:
        raise ProblemError(f"{path} holds no width problem, or is damaged: {error}") from error


def _suffix(path: Path) -> str:
    if path.suffix not in {".npz", ".json"}:
        raise ProblemError(f"a problem is a .npz or a .json file; got {path.name!r}")
    return path.suffix


def _document(problem: WidthProblem, put: Callable[[Array], Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "groups": [{"name": g.name, "size": g.size, "widths": g.widths, "allowed": g.allowed} for g in problem.groups],
        "tables": [
            {
                "name": table.name,
                "groups": table.groups,
                "value": put(table.value),
                "costs": {name: put(cost) for name, cost in table.costs.items()},
            }
            for table in problem.tables
        ],
        "peaks": {
            name: [
                {"name": s.name, "fixed": s.fixed, "groups": {g: put(t) for g, t in s.groups.items()}} for s in steps
            ]
            for name, steps in problem.peaks.items()
        },
    }


def _problem(document: dict[str, Any], get: Callable[[Any], Array]) -> WidthProblem:
    if document["format"] != FORMAT or document["version"] != VERSION:
        raise ProblemError(
            f"expected {FORMAT!r} version {VERSION}, found {document['format']!r} version {document['version']}"
        )
    return WidthProblem(
        tuple(Group(g["name"], g["size"], tuple(g["widths"]), tuple(g["allowed"])) for g in document["groups"]),
        tuple(
            Table(t["name"], tuple(t["groups"]), get(t["value"]), {n: get(c) for n, c in t["costs"].items()})
            for t in document["tables"]
        ),
        {
            name: tuple(Step(s["name"], s["fixed"], {g: get(a) for g, a in s["groups"].items()}) for s in steps)
            for name, steps in document["peaks"].items()
        },
    )
