# The description on a package index: README.md, as far as it can be shown there. The repository's files have no address
# there, so pictures are left out and links to files are plain text. All else is in pyproject.toml.
import re
from pathlib import Path

from setuptools import setup

readme = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
without_pictures = re.sub(r"!\[[^]]*\]\([^)]*\)\n*", "", readme)
description = re.sub(r"\[([^]]*)\]\((?!https?:)[^)]*\)", r"\1", without_pictures)
setup(long_description=description, long_description_content_type="text/markdown")
