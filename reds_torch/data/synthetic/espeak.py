"""The espeak-ng speech engine, run as a tool in a process of its own.

espeak-ng (GPL-3, https://github.com/espeak-ng/espeak-ng) comes with the `espeakng-loader` wheel and
is never loaded into the calling process. `Engine` starts this very file as a child; the child loads
the shared library once and forks for each utterance. The forks matter: the engine keeps state from one
utterance to the next that neither `espeak_ng_SetRandSeed` nor `espeak_Terminate` + `espeak_Initialize`
resets, so the same word spoken twice differs. A fork always speaks its first utterance, and with a fixed
seed, hence the sound is a function of the utterance alone, whatever was spoken before, and when.

The child uses the standard library only, so that it starts in milliseconds and forks cheaply.
"""

import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import BinaryIO, Self

# From espeak-ng's speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS = 2
CHARS_UTF8 = 1
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4

# Louder settings clip with some voices.
ENGINE_VOLUME = 50

# An answer: was it spoken, sample rate in Hz, number of payload bytes; then the payload.
HEADER = struct.Struct("<?II")


@dataclass(frozen=True)
class Utterance:
    """What to say and how: `voice` is espeak-ng's `language+variant`."""

    text: str
    voice: str = "en-us"
    rate: int = 175  # words per minute, 80 to 450
    pitch: int = 50  # 0 to 99
    pitch_range: int = 50  # 0 (monotone) to 100


class Engine:
    """An espeak-ng child process; a context manager, for one thread at a time.

    Raises:
        MissingPackageError: espeak-ng is not installed.
        RuntimeError: the system has no fork().
    """

    def __init__(self) -> None:
        if not hasattr(os, "fork"):
            raise RuntimeError("synthetic speech needs a system with fork(): Linux, macOS or WSL")
        # Not for the child, which need not ask where the library lies.
        from ...system.optional import needed  # noqa: PLC0415

        loader = needed("espeakng_loader", "synthetic speech", "pip install 'reds-torch[synthetic]'")
        paths = [loader.get_library_path(), loader.get_data_path()]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def speak(self, utterance: Utterance) -> tuple[bytes, int]:
        """Mono 16-bit little-endian samples and their rate in Hz.

        Raises RuntimeError when the engine refuses the utterance or dies.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(asdict(utterance)).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise RuntimeError("the espeak-ng process ended; its message is above") from error
        header = self._process.stdout.read(HEADER.size)
        if len(header) < HEADER.size:
            raise RuntimeError("the espeak-ng process ended; its message is above")
        spoken, rate, size = HEADER.unpack(header)
        payload = self._process.stdout.read(size)
        if not spoken:
            raise RuntimeError(f"espeak-ng can't speak {utterance}: {payload.decode()}")
        return payload, rate

    def close(self) -> None:
        """End the child process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _speak(library: ctypes.CDLL, utterance: Utterance) -> bytes:
    """The samples of one utterance; changes the library's state, so it is called once per process."""
    samples = bytearray()

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    def receive(wave: int | None, count: int, _events: int | None) -> int:
        if wave and count > 0:
            samples.extend(ctypes.string_at(wave, 2 * count))
        return 0

    # Breath noise starts from the time of day otherwise.
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    library.espeak_SetSynthCallback(receive)
    if library.espeak_SetVoiceByName(utterance.voice.encode()) != 0:
        raise ValueError(f"no such voice: {utterance.voice}")
    settings = {
        RATE: utterance.rate,
        PITCH: utterance.pitch,
        RANGE: utterance.pitch_range,
        VOLUME: ENGINE_VOLUME,
    }
    for parameter, value in settings.items():
        if library.espeak_SetParameter(parameter, value, 0) != 0:
            raise ValueError(f"parameter {parameter} can't be {value}")
    text = utterance.text.encode() + b"\0"
    if library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 0, 0, CHARS_UTF8, None, None) != 0:
        raise ValueError("synthesis failed")
    library.espeak_Synchronize()
    return bytes(samples)


def _answer(library: ctypes.CDLL, rate: int, request: bytes, out: BinaryIO) -> None:
    """Speak one request in a fork and write the answer to `out`."""
    child = os.fork()
    if child == 0:
        try:
            payload = _speak(library, Utterance(**json.loads(request)))
            out.write(HEADER.pack(True, rate, len(payload)) + payload)
        except ValueError as error:
            payload = str(error).encode()
            out.write(HEADER.pack(False, 0, len(payload)) + payload)
        finally:
            out.flush()
            os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        payload = f"it crashed with signal {os.WTERMSIG(status)}".encode()
        out.write(HEADER.pack(False, 0, len(payload)) + payload)
        out.flush()


def _serve(library_path: str, data_path: str) -> None:
    """Answer requests, one JSON object per line of standard input, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is the parent's; we end with standard input
    # The library may print: keep the answers' channel to ourselves.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    library = ctypes.CDLL(library_path)
    rate = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, os.fsencode(data_path), 0)
    if rate <= 0:
        raise SystemExit(f"espeak-ng can't be initialised with the data in {data_path}")
    for request in sys.stdin.buffer:
        _answer(library, rate, request, out)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
