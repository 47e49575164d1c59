"""The house is as docs/architecture.md draws it: few loose modules, imports that point one way, one style."""

import ast
import re
from graphlib import CycleError, TopologicalSorter

from imports import ROOT, imports, modules, room

PAGE = (ROOT / "docs" / "architecture.md").read_text()
# doors for `python -m`; the package itself hands out the public names
DOORS = {"train", "evaluate", "report", "sweep", "device"}
ENTRANCES = {"reds_torch.__main__", "reds_torch.knapsack.__main__", "reds_torch.data.synthetic.__main__"}


def left_of() -> dict[str, set[str]]:
    """For each room those that it may import: what stands left of it in a line of the page's drawing."""
    drawing = re.search(r"```text\n(system, models.*?)```", PAGE, re.S)
    assert drawing
    allowed: dict[str, set[str]] = {}
    for chain in re.split(r"\n|\s{4,}", drawing[1]):
        before: set[str] = set()
        for step in chain.split("<-"):
            rooms = {name.strip() for name in step.split(",") if name.strip()}
            for name in rooms:
                allowed.setdefault(name, set()).update(before)
            before |= rooms
    for rooms in allowed.values():  # whatever a room on the left may import, too
        while more := {further for room in rooms for further in allowed[room]} - rooms:
            rooms.update(more)
    return allowed


def test_every_room_is_drawn():
    folders = {path.name for path in (ROOT / "reds_torch").iterdir() if (path / "__init__.py").is_file()}
    assert folders == left_of().keys()


def test_imports_point_one_way():
    allowed = left_of()
    wrong = [
        f"{module} imports {target}"
        for module, targets in imports().items()
        for target in sorted(targets)
        if module not in ENTRANCES and room(module) in allowed and room(target) != room(module)
        if room(target) not in allowed[room(module)]
    ]
    assert wrong == []


def test_nothing_imports_a_command_or_the_bridge():
    found = imports()
    users = {m for m, targets in found.items() for t in targets if room(t) == "commands" and room(m) != "commands"}
    assert users == ENTRANCES - {"reds_torch.__main__"} | {f"reds_torch.{door}" for door in DOORS}
    assert [
        m for m, targets in found.items() if room(m) != "bridge" and any(room(t) == "bridge" for t in targets)
    ] == []


def test_no_circle():
    try:
        list(TopologicalSorter(imports()).static_order())
    except CycleError as error:
        raise AssertionError(f"modules import each other: {' -> '.join(error.args[1])}") from None


def test_loose_modules_are_doors():
    loose = {path.stem for path in (ROOT / "reds_torch").glob("*.py") if not path.stem.startswith("__")}
    assert loose == DOORS
    for name in sorted(loose):
        lines = [line for line in (ROOT / "reds_torch" / f"{name}.py").read_text().splitlines() if line.strip()]
        assert len(lines) == 5, f"{name}.py is a door: it hands on to commands/{name}.py"


def test_imports_within_a_package_are_relative():
    wrong = [
        f"{module}: {node.module}"
        for module, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and not node.level
        if (node.module or "").split(".")[0] == module.split(".")[0]
    ]
    assert wrong == []
