"""What the README shows is what happens."""

import re

from pages import text

README = text("README.md")


def test_the_example_prints_what_the_readme_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, printed = re.search(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", README, re.S).groups()
    exec(compile(code, "README.md", "exec"), {})
    # weights are random: the widths, and so the MACs, vary a little; everything else does not
    pattern = re.sub(r"\d+,\d+,\d+", r"\\d+,\\d+,\\d+", re.escape(printed).replace("\\,", ","))
    assert re.fullmatch(pattern, capsys.readouterr().out)
    assert (tmp_path / "nested.ckpt").is_file()
