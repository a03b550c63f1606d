"""Log-mel features of speech and sound, small enough for firmware to compute.

Each hop: frame of samples in -1..1 times a periodic Hann window, power spectrum by a real FFT of the next power of
two, triangular mel filters (HTK mel scale, 2595 log10(1 + f/700), peak 1), 10 log10(energy + floor) in dB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.data.types import FloatArray
from edgeseq.errors import DataError

FLOOR = 1e-7  # -70 dB: below the noise of a 12-bit microphone input


@dataclass(frozen=True, slots=True)
class LogMel:
    """Settings, all in samples or Hz. Firmware must use the same."""

    rate_hz: int
    frame: int
    hop: int
    bands: int
    low_hz: float
    high_hz: float

    @property
    def fft(self) -> int:
        """Size of the FFT: the frame, up to the next power of two."""
        return 1 << (self.frame - 1).bit_length()

    def as_json(self) -> dict[str, Any]:
        """Everything firmware needs to compute the same features."""
        return {
            "kind": "log-mel",
            "rate_hz": self.rate_hz,
            "frame_samples": self.frame,
            "hop_samples": self.hop,
            "fft_size": self.fft,
            "window": "hann, periodic",
            "bands": self.bands,
            "low_hz": self.low_hz,
            "high_hz": self.high_hz,
            "mel": "2595 log10(1 + f/700), triangles with peak 1",
            "value": f"10 log10(energy + {FLOOR:g}) dB of samples in -1..1",
        }


def log_mel(rate_hz: int, frame_ms: float, hop_ms: float, bands: int) -> LogMel:
    """Return settings for this rate; bands reach from 60 Hz to just below half the rate, 8 kHz at most."""
    frame, hop = round(rate_hz * frame_ms / 1000), round(rate_hz * hop_ms / 1000)
    if frame < 16 or hop < 1:
        raise DataError(f"a frame of {frame} samples every {hop} is too short at {rate_hz} Hz; raise --frame-ms or --hop-ms")
    settings = LogMel(rate_hz, frame, hop, bands, 60.0, min(0.4875 * rate_hz, 8000.0))
    if bands < 1 or not filters(settings).any(axis=1).all():
        raise DataError(f"{bands} mel bands are too many for an FFT of {settings.fft} at {rate_hz} Hz; lower --mel-bands")
    return settings


def filters(settings: LogMel) -> npt.NDArray[np.float64]:
    """Return the mel filters, (bands, fft / 2 + 1)."""
    low, high = (2595 * np.log10(1 + f / 700) for f in (settings.low_hz, settings.high_hz))
    edges = 700 * (10 ** (np.linspace(low, high, settings.bands + 2) / 2595) - 1)
    bins = np.arange(settings.fft // 2 + 1) * settings.rate_hz / settings.fft
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.clip(np.minimum(rising, falling), 0, None)


def features(samples: npt.NDArray[np.float64], settings: LogMel) -> FloatArray:
    """Return (frames, bands) in dB. samples: (n,) in -1..1, padded with silence to one frame at least."""
    missing = settings.frame - len(samples)
    whole = np.pad(samples, (0, missing)) if missing > 0 else samples
    frames = np.lib.stride_tricks.sliding_window_view(whole, settings.frame)[:: settings.hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.frame) / settings.frame)
    power = np.abs(np.fft.rfft(frames * window, settings.fft)) ** 2 / settings.frame
    return (10 * np.log10(power @ filters(settings).T + FLOOR)).astype(np.float32)
