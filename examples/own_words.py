"""A keyword spotter for words of your own: from synthetic speech to firmware.

    python examples/own_words.py lumos nox --out lumos

Synthetic voices speak the words (and others, as examples of none of them), a network and three smaller ones inside it
are trained, converted to one int8 model, and built into the firmware's application, which then runs on this machine
and says how many of its test clips each network recognises. Each step is one command of the project, printed before it
runs. Needs the extras ``synthetic`` and ``bridge`` and, for the last step, a C compiler; run it in the repository's
folder. Real recordings of your words make a better network: docs/your_data.md.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

FIRMWARE = Path(__file__).parents[1] / "firmware" / "src"


def run(command: list[str], **options: object) -> None:
    """Say what is run, run it, and end with it where it fails."""
    print("\n$", shlex.join(command), flush=True)
    status = subprocess.run(command, check=False, **options).returncode  # type: ignore[call-overload]
    if status:
        sys.exit(status)


def main() -> None:
    """Speak, train, convert, build, run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="+", help="what is to be recognised, in English spelling")
    parser.add_argument("--out", type=Path, default=Path("own_words"), help="folder for all that is made")
    parser.add_argument("--recipe", default="kws_dnn", help="kws_ds_cnn is better and takes longer")
    parser.add_argument("--epochs", type=int, default=30, help="of each of the two stages")
    options, settings = parser.parse_known_args()
    if options.out.exists():
        parser.error(f"{options.out} is there already: give another --out")
    trained, converted = options.out / "run", options.out / "model"

    python = [sys.executable, "-m"]
    words = f"data.words=[{','.join(options.words)}]"
    epochs = [f"pretrain.max_epochs={options.epochs}", f"trainer.max_epochs={options.epochs}"]
    recipe = [f"recipe={options.recipe}", "data=synthetic", words, *epochs, f"run_dir={trained}", *settings]
    run([*python, "reds_torch.train", *recipe])
    run([*python, "bridge", str(trained / "nested.ckpt"), "--out", str(converted)])
    run(["make", "-C", str(FIRMWARE), "host", f"MODEL={converted.resolve()}"])
    run([str(converted / "application" / "application")], stdin=subprocess.DEVNULL)
    print(f"\nreport: {trained / 'report.html'}\nC sources for a board: {converted / 'firmware'}")


if __name__ == "__main__":
    main()
