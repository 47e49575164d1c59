"""Mel-frequency cepstral coefficients, as TensorFlow's `audio_spectrogram` and `mfcc` ops compute them.

The ops define: a periodic Hann window; an FFT of the next power of two; triangular filters, evenly spaced on
the mel scale, over *magnitudes*; the natural logarithm with a floor; a DCT-II. Networks trained elsewhere on
these features, and microcontroller front ends written for them, therefore work unchanged.

Source: tensorflow/core/kernels/{spectrogram,mfcc_mel_filterbank,mfcc,mfcc_dct}.cc.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..scratch import Scratch

SAMPLE_RATE = 16_000
CLIP_SAMPLES = 16_000  # one second

# What the `mfcc` op's callers leave at its defaults.
MEL_CHANNELS = 40
LOWEST_HZ = 20.0
HIGHEST_HZ = 4000.0
FLOOR = 1e-12

# Frames are transformed in blocks whose intermediate results stay in a core's cache.
BLOCK_FRAMES = 640


@dataclass(frozen=True)
class FeatureSettings:
    """What fixes the features of a clip.

    Attributes:
        window_ms: length of a frame.
        stride_ms: distance between the starts of two frames.
        coefficients: how many cepstral coefficients of a frame are kept, from the lowest.

    Raises:
        ValueError: a setting is out of range; the message names it and the range.
    """

    window_ms: int = 40
    stride_ms: int = 40
    coefficients: int = 10

    def __post_init__(self) -> None:
        ranges = {
            # With shorter windows the lowest mel filters have no FFT bin left.
            "window_ms": (20, CLIP_SAMPLES * 1000 // SAMPLE_RATE),
            "stride_ms": (1, CLIP_SAMPLES * 1000 // SAMPLE_RATE),
            "coefficients": (1, MEL_CHANNELS),
        }
        for name, (lowest, highest) in ranges.items():
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(f"{name} must lie in {lowest} ... {highest}, not be {getattr(self, name)}")

    @property
    def window(self) -> int:
        """Samples of a frame."""
        return self.window_ms * SAMPLE_RATE // 1000

    @property
    def stride(self) -> int:
        """Samples between the starts of two frames."""
        return self.stride_ms * SAMPLE_RATE // 1000

    @property
    def fft_length(self) -> int:
        """The next power of two of the window."""
        return 1 << (self.window - 1).bit_length()

    @property
    def frames(self) -> int:
        """Frames of a clip; samples after the last whole frame are not looked at."""
        return 1 + (CLIP_SAMPLES - self.window) // self.stride


def mel_filters(fft_length: int) -> tuple[int, Tensor]:
    """The mel filter bank, cut to the FFT bins that any filter looks at.

    Returns:
        The first such bin, and the weights (bins, MEL_CHANNELS) in float64.
    """

    def mel(hz: Tensor) -> Tensor:
        return 1127.0 * torch.log1p(hz / 700.0)

    bin_hz = SAMPLE_RATE / fft_length
    first = int(1.5 + LOWEST_HZ / bin_hz)  # the op's rounding; the constant component is always left out
    last = int(HIGHEST_HZ / bin_hz)
    bins = mel(torch.arange(first, last + 1, dtype=torch.float64) * bin_hz)
    lowest, highest = mel(torch.tensor([LOWEST_HZ, HIGHEST_HZ], dtype=torch.float64)).tolist()
    spacing = (highest - lowest) / (MEL_CHANNELS + 1)
    centres = lowest + spacing * torch.arange(1, MEL_CHANNELS + 1, dtype=torch.float64)
    # Triangles: one at a filter's own centre, zero at its neighbours' centres.
    weights = 1 - (bins[:, None] - centres).abs() / spacing
    return first, weights.clamp(min=0)


def dct_matrix(coefficients: int) -> Tensor:
    """DCT-II as the op scales it, (MEL_CHANNELS, coefficients) in float64.

    Not torchaudio's: in its orthonormal matrix the first column is smaller by sqrt(2).
    """
    channel = torch.arange(MEL_CHANNELS, dtype=torch.float64)[:, None] + 0.5
    frequency = torch.arange(coefficients, dtype=torch.float64)
    return math.sqrt(2 / MEL_CHANNELS) * torch.cos(math.pi / MEL_CHANNELS * channel * frequency)


class MFCC(nn.Module):
    """Waveforms (B, samples) in [-1, 1] -> coefficients (B, frames, coefficients), raw, without gradient.

    Args:
        settings: what fixes the features.
        dtype: of waveforms and coefficients. float32 stays within 1e-3 of the ops on speech, and is what
            training needs; float64 gives the ops' results to the last digits of theirs, float32.
    """

    window: Tensor
    filters: Tensor
    dct: Tensor

    def __init__(self, settings: FeatureSettings, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.settings = settings
        self.first_bin, filters = mel_filters(settings.fft_length)
        window = torch.hann_window(settings.window, periodic=True, dtype=torch.float64)
        self.register_buffer("window", window.to(dtype), persistent=False)
        self.register_buffer("filters", filters.to(dtype), persistent=False)
        self.register_buffer("dct", dct_matrix(settings.coefficients).to(dtype), persistent=False)
        self.scratch = Scratch()

    @torch.no_grad()
    def forward(self, waveforms: Tensor) -> Tensor:
        """Compute the coefficients, one row per whole frame in the waveforms.

        Raises:
            ValueError: the waveforms aren't (B, samples) of the module's type, or shorter than a window.
        """
        window = self.settings.window
        if waveforms.dim() != 2 or waveforms.shape[1] < window or waveforms.dtype != self.window.dtype:
            raise ValueError(
                f"waveforms must be {self.window.dtype} (B, samples), at least one window ({window}) long, "
                f"not {waveforms.dtype} {tuple(waveforms.shape)}"
            )
        frames = waveforms.unfold(1, window, self.settings.stride)  # (B, frames, window), a view
        count = frames.shape[1]
        clips = max(1, BLOCK_FRAMES // count)
        bins = self.filters.shape[0]
        # What follows the window in each row stays zero: padding inside rfft would copy every frame.
        padded = self.scratch.take("padded", (clips, count, self.settings.fft_length), waveforms)
        magnitudes = self.scratch.take("magnitudes", (clips, count, bins), waveforms)
        energies = waveforms.new_empty(len(waveforms), count, MEL_CHANNELS)
        for block, block_energies in zip(frames.split(clips), energies.split(clips), strict=True):
            rows, norms = padded[: len(block)], magnitudes[: len(block)]
            torch.mul(block, self.window, out=rows[..., :window])
            spectrum = torch.view_as_real(torch.fft.rfft(rows)).narrow(-2, self.first_bin, bins)
            real, imaginary = spectrum.unbind(-1)
            # Three times as fast as abs(), which guards against overflow.
            torch.mul(real, real, out=norms)
            norms.addcmul_(imaginary, imaginary).sqrt_()
            torch.matmul(norms, self.filters, out=block_energies)
        return energies.clamp_(min=FLOOR).log_() @ self.dct
