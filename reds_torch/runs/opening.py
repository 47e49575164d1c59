"""The folder of a run: a new one, or one to go on with."""

from __future__ import annotations

from pathlib import Path

from ..system.atomic import replacing
from .command_line import UsageError, load_yaml
from .folder import RunFolder
from .recipes import RecipeCLI


def open_folder(cli: RecipeCLI) -> RunFolder:
    """The folder to go on with, or a new one with the settings in it."""
    if cli.config.resume:
        folder = RunFolder(Path(cli.config.resume).resolve())
        _check_quantize(cli, folder)
        return folder
    name = Path(cli.config.recipe or "run").stem
    folder = RunFolder.create(name, cli.config.run_dir)
    keep_settings(cli, folder)
    return folder


def keep_settings(cli: RecipeCLI, folder: RunFolder) -> None:
    """Write all settings into the run folder, as they were understood."""
    config = cli.config.clone()
    config.resume = None
    with replacing(folder.config) as temporary:
        temporary.write_text(cli.parser.dump(config))


def _check_quantize(cli: RecipeCLI, folder: RunFolder) -> None:
    """Refuse other settings for the fine-tuning for int8 than it was begun with."""
    before = load_yaml(folder.config.read_text()).get("quantize")
    begun = folder.quantized.is_file() or folder.state("quantize").is_file()
    if begun and before != cli.config.quantize.as_dict():
        raise UsageError(
            f"{folder.path} is fine-tuned for int8 with other settings: leave out those of quantize, or remove "
            f"{folder.quantized.name} and {folder.training('quantize').relative_to(folder.path)} to do it anew"
        )
