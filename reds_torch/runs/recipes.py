"""From the command line to settings: recipes, ``key=value`` and the Lightning command-line interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import lightning as L
import yaml
from jsonargparse import ArgumentError
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from ..training.settings import FinetuneSettings, PretrainSettings, QuantizeSettings
from .command_line import PARSER_MODE, UsageError, as_option, explained, load_yaml, quiet_lightning
from .plugins import load_plugins, take_plugins, whole
from .settings import NestSettings, ScoreSettings, SearchSettings

SECTIONS = {
    "pretrain": PretrainSettings,
    "nest": NestSettings,
    "score": ScoreSettings,
    "search": SearchSettings,
    "finetune": FinetuneSettings,
    "quantize": QuantizeSettings,
}
# what a run may be given when it is resumed: a stage after those that it has been through
_ADDABLE = "--quantize."
# in a checkout recipes/ lies beside the package, in an installed package inside it
_PACKAGE = Path(__file__).parent.parent
_FOLDERS = (_PACKAGE / "recipes", _PACKAGE.parent / "recipes")


def known_recipes() -> dict[str, Path]:
    """The recipes that come with the project, by name."""
    return {path.stem: path for folder in _FOLDERS for path in sorted(folder.glob("*.yaml"))}


def read_recipe(name_or_path: str) -> dict[str, Any]:
    """A recipe on top of the base that its ``base`` key names (recipes/base/NAME.yaml)."""
    path = known_recipes().get(name_or_path, Path(name_or_path))
    if not path.is_file():
        raise UsageError(
            f"there is no recipe '{name_or_path}': give the path of a YAML file or one of {', '.join(known_recipes())}"
        )
    recipe = _read_yaml(path)
    base = recipe.pop("base", None)
    if base is None:
        return recipe
    folder = next(
        (f for f in (path.parent / "base", *(f / "base" for f in _FOLDERS)) if (f / f"{base}.yaml").is_file()),
        None,
    )
    if folder is None:
        raise UsageError(
            f"{path} builds on base '{base}', but there is no base/{base}.yaml beside it or in the project"
        )
    return _merge(_read_yaml(folder / f"{base}.yaml"), recipe)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = load_yaml(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} must hold a mapping of settings")
    return content


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


# what stands for the folder of the stage, where a logger writes unless its save_dir is given
_STAGE_FOLDER = "(stage)"


class RecipeCLI(LightningCLI):
    """Lightning's command line with the stages of a run as sections; it builds no model of its own."""

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__(
            datamodule_class=L.LightningDataModule,
            subclass_mode_data=True,
            save_config_callback=None,
            seed_everything_default=0,
            parser_kwargs={
                "parser_mode": PARSER_MODE,
                "exit_on_error": False,
                "allow_abbrev": False,
                "prog": "python -m reds_torch.train",
                "description": "Train a network and all its nested subnetworks. "
                f"Recipes: {', '.join(known_recipes())}. Every key below may be given as key=value or --key=value.",
                "default_env": False,
            },
            args=list(arguments),
            run=False,
            auto_configure_optimizers=False,
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Say what exists where something doesn't."""
        try:
            super().parse_arguments(parser, args)
        except ArgumentError as error:
            raise UsageError(explained(str(error), list(parser.get_defaults().keys()))) from error

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Lightning's trainer and data; the model is a name and arguments for its builder."""
        parser.add_lightning_class_args(L.Trainer, "trainer")
        parser.add_lightning_class_args(L.LightningDataModule, "data", subclass_mode=True)
        parser.add_argument("--model.name", type=str, default="dnn", help="builder in reds_torch.models")
        parser.add_argument("--model.arguments", type=dict[str, Any], default={}, help="arguments of the builder")

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """The sections of `reds_torch.runs.settings` and where the run lives; one seed for weights and data."""
        parser.link_arguments("seed_everything", "data.init_args.seed")
        for name, settings in SECTIONS.items():
            parser.add_class_arguments(settings, name)
        parser.add_argument("--recipe", type=str | None, default=None, help="name in recipes/ or path of a YAML file")
        parser.add_argument(
            "--plugins", type=list[str], default=[], help="modules or files of your own that register what others name"
        )
        parser.add_argument("--run_dir", type=str | None, default=None, help="default: runs/<recipe>/<timestamp>")
        parser.add_argument(
            "--pretrained",
            type=str | None,
            default=None,
            help="weights instead of pretraining: arm:PATH (Arm's keyword-spotting networks) or a checkpoint of torch",
        )
        parser.add_argument("--resume", type=str | None, default=None, help="run folder to go on with")
        parser.add_argument(
            "--baselines",
            type=list[Literal["alone", "scratch"]],
            default=[],
            help="alone: train each subnetwork by itself, too; scratch: nested training without pretraining",
        )

    def instantiate_classes(self) -> None:
        """The data only: each stage makes its own trainer."""
        try:
            self.config_init = self.parser.instantiate(self.config)
        except (ValueError, TypeError) as error:
            raise UsageError(explained(str(error), [])) from error
        self.datamodule = self.config_init.data

    def stage_trainer(self, **changes: Any) -> L.Trainer:
        """A trainer with the recipe's settings, made anew, and these changes; callbacks and plugins are added."""
        config = self.config.clone()
        if _STAGE_FOLDER in str(config.trainer.logger):
            config.trainer.logger.init_args.save_dir = changes.get("default_root_dir", ".")
        self.config_init = self.parser.instantiate(config)
        settings = {**self.config_init.trainer, **changes}
        for several in ("callbacks", "plugins"):
            settings[several] = [*as_list(self.config_init.trainer[several]), *changes.get(several, [])]
        return L.Trainer(**settings)


def as_list(given: Any) -> list[Any]:
    """What Lightning takes as nothing, one or a list of them."""
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def parse(arguments: Sequence[str]) -> RecipeCLI:
    """Read a command line: ``recipe=NAME key=value --key=value ...`` or ``resume=RUN quantize.key=value ...``.

    Raises:
        UsageError: an unknown recipe or key (with what exists), or ``resume`` together with keys of other stages.
    """
    quiet_lightning()
    options = [as_option(argument) for argument in arguments]
    logger = _value_of(options, "trainer.logger") or ""
    if logger.endswith("Logger"):
        options = [f"--trainer.logger={logger}", f"--trainer.logger.save_dir={_STAGE_FOLDER}", *options]
    resume = _value_of(options, "resume")
    if resume is not None:
        others = [o for o in options if not o.startswith(("--resume=", _ADDABLE))]
        if others:
            raise UsageError(
                "resume=RUN takes every setting but those of quantize from RUN/config.yaml: give no other key, or "
                "start a new run"
            )
        config = Path(resume) / "config.yaml"
        if not config.is_file():
            raise UsageError(f"resume={resume}: there is no {config}, so this is no run folder")
        load_plugins(_read_yaml(config).get("plugins", []))
        return RecipeCLI(["--config", str(config), *options])
    plugins, options = take_plugins(options)
    load_plugins(plugins)
    recipe = _value_of(options, "recipe")
    if recipe is None:
        if not {"-h", "--help", "--print_config", "--data.help"} & {option.split("=")[0] for option in options}:
            raise UsageError(f"which recipe? give recipe=NAME, one of {', '.join(known_recipes())}, or recipe=PATH")
        return RecipeCLI(options)
    settings = read_recipe(recipe)
    settings["plugins"] = [*whole(settings.get("plugins", [])), *plugins]
    load_plugins(settings["plugins"])
    return RecipeCLI(["--config", yaml.safe_dump(settings), *options])


def _value_of(options: Sequence[str], key: str) -> str | None:
    values = [o.partition("=")[2] for o in options if o.startswith(f"--{key}=")]
    return values[-1] if values else None
