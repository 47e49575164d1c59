"""Which module of the project imports which, as their text says it."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def modules() -> dict[str, Path]:
    """All modules of the two packages by their dotted names."""
    found = {}
    for top in ("reds_torch", "bridge"):
        for path in (ROOT / top).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports() -> dict[str, set[str]]:
    """The modules that each module imports, anywhere in it."""
    known = modules()
    graph: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                source = ".".join([*parents, *([node.module] if node.module else [])])
                for alias in node.names:
                    module = f"{source}.{alias.name}"
                    graph[name] |= {module if module in known else source} & known.keys()
            elif isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names} & known.keys()
    return {name: targets - {name} for name, targets in graph.items()}


def room(module: str) -> str:
    """The room that a module lies in."""
    parts = module.split(".")
    return parts[0] if parts[0] == "bridge" or len(parts) == 1 else parts[1]
