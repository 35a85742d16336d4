"""From media to samples in one call, and samples to compare them with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.settings import DecodingSettings
from parakeet_cli.transcription.media.audio import Decoding, MediaInfo, choose_track, decode, open_media, probe
from parakeet_cli.transcription.media.inputs import FileMedia, Media

SETTINGS = DecodingSettings(no_progress_seconds=10)
NOISE_SECONDS = 3.21
Samples = NDArray[np.float32]


@contextmanager
def opened(media: Path | Media, settings: DecodingSettings = SETTINGS) -> Iterator[Decoding]:
    with open_media(FileMedia(media) if isinstance(media, Path) else media) as file:
        info = probe(file, settings)
        yield decode(file, info, choose_track(info, settings.track), settings)


def decoded(media: Path | Media, settings: DecodingSettings = SETTINGS) -> tuple[Samples, Decoding]:
    with opened(media, settings) as decoding:
        return np.concatenate(list(decoding)), decoding


def probed(path: Path) -> MediaInfo:
    with open_media(FileMedia(path)) as file:
        return probe(file)


def noise_pcm(seconds: float = NOISE_SECONDS) -> bytes:
    """16-bit noise that uses every value, so that any change of a sample shows."""
    return np.random.default_rng(1).integers(-32768, 32768, round(seconds * 16_000)).astype("<i2").tobytes()


def noise_samples() -> Samples:
    return np.frombuffer(noise_pcm(), "<i2").astype(np.float32) / np.float32(32768)
