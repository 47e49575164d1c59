"""Blocks of Python and of settings do what the pages say; links and quoted messages are there."""

import re
import shutil
import sys
from collections.abc import Iterator

import pytest
import torch
import yaml
from pages import BLOCK, PAGES, ROOT, blocks, text

from reds_torch.costs import read_device
from reds_torch.runs.recipes import parse

# shell: test_page_commands.py; C: tests/firmware_app/test_firmware_readme.py; text is what a command prints or a
# drawing
KINDS = {"python", "yaml", "csv", "sh", "c", "text", "bibtex"}


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_is_run(page):
    assert {kind for kind, _ in BLOCK.findall(text(page))} <= KINDS
    assert page == "firmware/README.md" or not blocks(page, "c")


@pytest.fixture
def work_as_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Layers take a nanosecond a multiplication, so that what a page measures is the same on any machine."""
    now, hooks = [0.0], []

    def work(layer: torch.nn.Module, _: object, outputs: torch.Tensor) -> None:
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            now[0] += 1e-9 * outputs.numel() * layer.weight[0].numel()

    def clock() -> float:
        if not hooks:  # not before: networks can't be traced with it
            hooks.append(torch.nn.modules.module.register_module_forward_hook(work))
        return now[0]

    monkeypatch.setattr("time.perf_counter", clock)
    yield
    for hook in hooks:
        hook.remove()


@pytest.mark.usefixtures("costs_as_before", "work_as_time")
@pytest.mark.parametrize("page", [page for page in PAGES[1:] if blocks(page, "python")])
def test_python(page, whole_run, tmp_path, monkeypatch):  # the README's: test_readme.py
    monkeypatch.chdir(tmp_path)
    if "runs/kws_demo/latest" in text(page):
        shutil.copytree(whole_run, tmp_path / "runs/kws_demo/latest")
    names: dict[str, object] = {"__name__": "page"}
    monkeypatch.setitem(sys.modules, "page", type(sys)("page"))
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")])
def test_yaml(page, tmp_path):
    for block in blocks(page, "yaml"):
        settings = yaml.safe_load(block)
        if "device" in settings.get("search", {}):
            (tmp_path / "device.csv").write_text((ROOT / "reds_torch/costs/devices/cortex_m4.csv").read_text())
            settings["search"]["device"] = str(tmp_path / "device.csv")
        recipe = tmp_path / "recipe.yaml"
        base = yaml.safe_load((ROOT / "recipes/kws_ds_cnn.yaml").read_text())
        recipe.write_text(yaml.safe_dump(base | settings))
        cli = parse([f"recipe={recipe}", "data=synthetic"])
        found = yaml.safe_load(cli.parser.dump(cli.config))
        for section, values in settings.items():
            assert found[section] | values == found[section]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "csv")])
def test_csv_is_a_device_table(page, tmp_path):
    for block in blocks(page, "csv"):
        (tmp_path / "device.csv").write_text(block)
        assert read_device(tmp_path / "device.csv").kinds


def test_links_lead_somewhere():
    links = [(page, link) for page in PAGES for link in re.findall(r"\]\(((?!http)[^)\s]+)", text(page))]
    assert links
    assert [(page, link) for page, link in links if not leads_somewhere(page, link)] == []


def leads_somewhere(page: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    return target.exists() and (not anchor or anchor in anchors(target.read_text()))


def anchors(markdown: str) -> set[str]:
    """The names that GitHub gives headings."""
    headings = re.findall(r"^#+ (.*)", markdown, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_messages_that_troubleshooting_quotes_are_said():
    rows = re.findall(r"^\| (.*?) \|", text("docs/troubleshooting.md"), re.M)
    quoted = [quote for row in rows for quote in re.findall(r"`([^`]+)`", row) if " " in quote]
    sources = [
        *ROOT.glob("reds_torch/**/*.py"),
        *ROOT.glob("bridge/**/*.py"),
        ROOT / "Makefile",
        ROOT / "environment" / "python",
        *ROOT.glob("environment/*.py"),
    ]
    code = " ".join(re.sub(r'"\s+f?"', "", path.read_text()) for path in sources)
    assert len(quoted) > 8
    assert [quote for quote in quoted if quote not in code and not quote.startswith("No module named")] == []
