"""Every recipe that comes with the project parses, builds, nests, searches, and runs one step on tiny data."""

from itertools import pairwise
from pathlib import Path

import pytest
import torchvision
import yaml
from tiny_data import write_cifar10, write_coco, write_fashion_mnist, write_image_folder

from reds_torch.commands import train
from reds_torch.knapsack import solve
from reds_torch.knapsack.network_search import search_problem
from reds_torch.nested.scores import score
from reds_torch.runs.recipes import known_recipes, parse
from reds_torch.runs.run import new_network

RECIPES = known_recipes()
FILES = [*RECIPES.values(), *RECIPES["kws_dnn"].parent.glob("base/*.yaml")]
LISTED = {
    *(f"kws_{network}{size}" for network in ("dnn", "cnn", "ds_cnn") for size in ("", "_m", "_l")),
    "kws_ds_cnn_ten",
    "fashion_mnist_ds_cnn",
    "cifar10_ds_cnn",
    "cifar10_resnet8",
    "vww_mobilenet_v1",
    "imagenet_vit_base",
}
# what a step of the real size would take too long for here, but parses, nests and is searched at its own
SMALLER = {
    "imagenet_vit_base": ["model.arguments={features: 256, depth: 2}"],
    "vww_mobilenet_v1": ["data.workers=0"],
}


@pytest.fixture(scope="module")
def data(tones: Path, tmp_path_factory: pytest.TempPathFactory):
    """For each data module the arguments that make it read a tiny set in its own format."""
    root = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in write_cifar10(root / "cifar10", 20).items():
            patch.setattr(torchvision.datasets.CIFAR10, name, value)
        folders = {f"{part}/{name}": 2 for part in ("train", "val") for name in ("cat", "dog")}
        cache = f"data.cache={root / 'cache'}"
        yield {
            "SpeechCommands": [f"data.root={tones}", "data.words=[yes,no]", cache],
            "SyntheticSpeech": [
                f"data.root={root / 'spoken'}",
                "data.words=[lumos,nox]",
                "data.unknown_words=[bird]",
                "data.speakers=5",
                "data.takes=1",
                cache,
            ],
            "FashionMNIST": [f"data.root={write_fashion_mnist(root / 'clothes', 60, 20)}", "data.validation=20"],
            "CIFAR10": [f"data.root={root / 'cifar10'}", "data.validation=20"],
            "VisualWakeWords": [f"data.root={write_coco(root / 'coco', 30, 4)}", "data.workers=0"],
            "ImageFolder": [f"data.root={write_image_folder(root / 'folder', folders)}", "data.workers=0"],
        }


def arguments(name: str, data: dict[str, list[str]]) -> list[str]:
    """A command line that trains this recipe on tiny data."""
    recipe = yaml.safe_load(RECIPES[name].read_text())
    module = recipe.get("data", {}).get("class_path", "SpeechCommands").rpartition(".")[2]
    return [f"recipe={name}", *data[module], "data.batch_size=4", "trainer.accelerator=cpu"]


def test_the_benchmarks_of_the_paper_are_there() -> None:
    assert set(RECIPES) >= LISTED


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_nests_and_is_searched(name: str, data: dict[str, list[str]]) -> None:
    cli = parse(arguments(name, data))
    net = new_network(cli)
    settings = cli.config_init.search
    budgets = settings.budgets_by_cost
    problem = search_problem(net, score(net, criterion="l1"), budgets, settings.limits, settings.minimum)
    # untrained blocks are all alike, and which of many equal choices is best by a hair takes minutes to prove
    result = solve(problem, budgets, settings.limits, settings, gap=1e-2)
    full, *others = result.subnetworks
    assert len(others) == len(budgets["macs"])
    assert {subnetwork.status for subnetwork in others} == {"optimal"}
    for subnetwork, share in zip(others, budgets["macs"], strict=True):
        assert subnetwork.costs["macs"] <= share * full.costs["macs"]
        assert all(subnetwork.widths[group] >= least for group, least in settings.minimum.items())
        assert all(subnetwork.costs[cost] <= limit for cost, limit in settings.limits.items())


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_runs_a_step(
    name: str, data: dict[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["trainer.fast_dev_run=true", f"run_dir={tmp_path / 'run'}", "score.batches=1"]
    status = train.main([*arguments(name, data), *SMALLER.get(name, []), *run])
    assert status == 0, capsys.readouterr().err
    assert (tmp_path / "run" / "nested.ckpt").is_file()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_setting_has_a_comment_above_it(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# "), "the first line says what the recipe is"
    for above, line in pairwise(lines):
        key, colon, value = line.partition(":")
        if colon and value.strip() and not line.lstrip().startswith("#") and key != "base":
            assert above.lstrip().startswith("#") or key.strip() == "class_path", line


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_says_only_what_differs(name: str) -> None:
    recipe = yaml.safe_load(RECIPES[name].read_text())
    base = yaml.safe_load((RECIPES[name].parent / "base" / f"{recipe.pop('base')}.yaml").read_text())

    def repeated(mine: dict, theirs: dict, where: str = "") -> list[str]:
        found = []
        for key, value in mine.items():
            if key in theirs and isinstance(value, dict):
                found += repeated(value, theirs[key], f"{where}{key}.")
            elif key in theirs and theirs[key] == value:
                found.append(f"{where}{key}")
        return found

    assert repeated(recipe, base) == []
