"""One int8 model with all subnetworks of a checkpoint, verified, and C sources for the firmware.

    python -m bridge runs/kws_ds_cnn/latest/nested.ckpt --out build/kws_ds_cnn [data.root=PATH ...]

The checkpoint knows its data: activations are calibrated on training samples, the result is verified on test samples.
The folder appears when all is done, or not at all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from reds_torch.checkpoint import CheckpointError, load
from reds_torch.reporting.table import stages_line, terminal
from reds_torch.runs.checkpoint_data import data_module
from reds_torch.runs.command_line import DATA_MODULES, UsageError, as_option, quiet_lightning
from reds_torch.runs.plugins import load_plugins, take_plugins

from .error import BridgeError
from .folder import replacing_folder
from .requirements import check_requirements
from .settings import RESULTS, BuildSettings, RangeKind

if TYPE_CHECKING:
    from .build import Built

EPILOG = """\
ranges of activations (--ranges):
  shared                one quantization for all subnetworks
  output                the model's output has a scale for each subnetwork, so that its answers don't tie
  own                   every tensor between two layers has, for 9 bytes a channel and subnetwork

settings of the data (key=value and --key=value mean the same):
  data.root=PATH        the folder of the data; any other setting of the data module in the same way
  data=NAME             another data module: {names}, or a class path
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, 1 (an accuracy fell too far), 2 (an error) or 130 (interrupted)."""
    options, further = _parser().parse_known_args(arguments)
    quiet_lightning()
    try:
        check_requirements()
        settings = _settings(options)
        with replacing_folder(options.out, RESULTS) as folder:
            plugins, data_options = take_plugins([as_option(option) for option in further])
            load_plugins(plugins)
            net = load(options.checkpoint)
            data = data_module(net, data_options)
            from .build import build  # noqa: PLC0415 - an extra, and seconds to import
            from .verify import verification_table  # noqa: PLC0415

            built = build(net, data, settings, folder)
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was written", file=sys.stderr)
        return 130
    except (BridgeError, CheckpointError, UsageError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    terminal().print(verification_table(str(options.checkpoint), built.table, built.verified))
    print(stages_line(built.seconds))
    print(f"results: {options.out}")
    return _judge(built, options.fail_if_drop)


def _judge(built: Built, limit: float | None) -> int:
    """Exit status 1, and why, if a subnetwork's accuracy fell by more than the limit."""
    fallen = [] if limit is None else [(k, v.drop) for k, v in enumerate(built.verified) if v.drop > limit]
    if not fallen:
        return 0
    drops = ", ".join(f"subnetwork {k} by {drop:.2f}" for k, drop in fallen)
    print(f"error: accuracy fell by more than --fail-if-drop {limit:g} points: {drops}", file=sys.stderr)
    return 1


def _settings(options: argparse.Namespace) -> BuildSettings:
    names = {name for name in BuildSettings.__dataclass_fields__ if name != "subnetworks"}
    return BuildSettings(
        subnetworks=None if "all" in options.subnetwork else tuple(map(int, options.subnetwork)),
        **{name: value for name, value in vars(options).items() if name in names},
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bridge",
        usage="%(prog)s [-h] checkpoint --out DIR [options] [data.KEY=VALUE ...] [data=NAME] [plugins=[...]]",
        description="One verified int8 model with all subnetworks of a checkpoint, and C sources for the firmware.",
        epilog=EPILOG.format(names=", ".join(DATA_MODULES)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    default = BuildSettings()
    parser.add_argument("checkpoint", type=Path, help="nested.ckpt of a run")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results")
    parser.add_argument(
        "--from",
        dest="first",
        type=int,
        default=0,
        metavar="K",
        help="subnetwork that becomes the model's full network",
    )
    parser.add_argument(
        "--subnetwork",
        type=_subnetwork,
        action="append",
        default=[],
        metavar="K|all",
        help="write this subnetwork as a model of its own, too; may be repeated",
    )
    parser.add_argument("--ranges", choices=get_args(RangeKind), default=default.ranges, help="see below")
    parser.add_argument(
        "--input-range",
        choices=("search", "full"),
        default=default.input_range,
        help="clip the input where that serves the answers, or not",
    )
    parser.add_argument(
        "--percentile",
        type=float,
        default=default.percentile,
        metavar="P",
        help="of an activation that its range holds",
    )
    parser.add_argument(
        "--calibration-samples", type=int, default=default.calibration_samples, metavar="N", help="training samples"
    )
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE", help="samples (N, C, H, W) in .npy instead of those"
    )
    parser.add_argument(
        "--test-samples", type=int, default=default.test_samples, metavar="N", help="most test samples to verify on"
    )
    parser.add_argument(
        "--test-inputs", type=int, default=default.test_inputs, metavar="N", help="of these go into the C sources"
    )
    parser.add_argument("--dynamic-batch", action="store_true", help="let the ONNX file take batches of any size")
    parser.add_argument(
        "--fail-if-drop", type=float, metavar="POINTS", help="exit with 1 if an accuracy falls by more than this"
    )
    return parser


def _subnetwork(text: str) -> str:
    if text != "all" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"give a subnetwork's number or all, not {text!r}")
    return text


if __name__ == "__main__":
    sys.exit(main())
