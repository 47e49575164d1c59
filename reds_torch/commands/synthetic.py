"""A data set of synthetic speech for any words.

python -m reds_torch.data.synthetic --words lumos,nox --out DIR
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..data.synthetic import voices
from ..data.synthetic.speech_settings import SpeechSettings, other_words
from ..data.synthetic.synthesis import synthesise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reds_torch.data.synthetic",
        description="Makes a data set for your own words, spoken by synthetic voices, in the layout of "
        "Google Speech Commands. Train on it with --data.root=DIR --data.words=[...].",
    )
    parser.add_argument("--words", required=True, metavar="A,B,...", help="the words to recognise")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a new or an empty folder")
    parser.add_argument(
        "--unknown",
        metavar="A,B,...",
        default=argparse.SUPPRESS,
        help="other words, as examples of what is none of --words; '' makes none "
        f"(default: those of {','.join(other_words(()))} that aren't in --words)",
    )
    parser.add_argument(
        "--speakers",
        type=int,
        metavar="N",
        default=SpeechSettings.speakers,
        help="number of synthetic people (default: %(default)s)",
    )
    parser.add_argument(
        "--takes",
        type=int,
        metavar="N",
        default=SpeechSettings.takes,
        help="how often each says each of --words (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        default=SpeechSettings.seed,
        help="another seed makes other people (default: %(default)s)",
    )
    return parser


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",")) if text.strip() else ()


def _settings(arguments: argparse.Namespace) -> SpeechSettings:
    words = _listed(arguments.words)
    unknown = _listed(arguments.unknown) if "unknown" in arguments else other_words(words)
    return SpeechSettings(words, unknown, arguments.speakers, arguments.takes, arguments.seed)


def _summary(root: Path, settings: SpeechSettings, seconds: float) -> Table:
    people = Counter(voices.speaker(settings.seed, index).split for index in range(settings.speakers))
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    table = Table(title=f"synthetic speech in {root}", show_header=False)
    table.add_row("words", ", ".join(settings.words))
    table.add_row("unknown words", ", ".join(settings.unknown_words) or "none")
    table.add_row("speakers", ", ".join(f"{count} {split}" for split, count in people.items()))
    table.add_row("clips", f"{settings.clips:,} of 1 s")
    table.add_row("made in", f"{seconds:.1f} s")
    table.add_row("size", f"{size / 1e6:.0f} MB")
    return table


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parsed = _parser().parse_args(arguments)
    start = time.perf_counter()
    try:
        settings = _settings(parsed)
        root = synthesise(parsed.out, settings)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command goes on where it stopped", file=sys.stderr)
        return 130
    Console().print(_summary(root, settings, time.perf_counter() - start))
    return 0
