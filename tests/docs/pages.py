"""The pages for users, and their blocks of code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "firmware/README.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.S | re.M)


def text(page: str) -> str:
    """The page as it stands."""
    return (ROOT / page).read_text()


def blocks(page: str, language: str) -> list[str]:
    """The page's blocks in a language."""
    return [block for found, block in BLOCK.findall(text(page)) if found == language]
