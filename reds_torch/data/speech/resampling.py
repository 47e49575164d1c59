"""Recordings at another sample rate, brought to the one that is wanted, by torchaudio.

torchaudio is imported when a recording needs it. Its binaries load beside some of torch's only, which its metadata
don't say: 2.11.0 beside torch 2.11 ... 2.14, 2.11.1 beside torch 2.13 and later.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from ...system.optional import needed


def resampled(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """The sound (n,) at `rate` Hz with `wanted` samples in a second.

    Raises:
        MissingPackageError: torchaudio is missing, or of a release that does not load beside this torch.
    """
    fitting = "==2.11.0" if torch.__version__ < "2.13" else ">=2.11.1"
    torchaudio = needed(
        "torchaudio",
        f"resampling from {rate} Hz to {wanted} Hz",
        f"pip install 'torchaudio{fitting}', which goes with torch {torch.__version__}, or convert the recordings",
    )
    sound: NDArray[np.float32] = torchaudio.functional.resample(torch.from_numpy(samples), rate, wanted).numpy()
    return sound
