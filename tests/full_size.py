"""The shape of NVIDIA's checkpoints of 0.6 billion parameters."""

from parakeet_cli.transcription.fastconformer.architecture import Architecture

__all__ = ["FULL_SIZE"]

FULL_SIZE = Architecture(
    mels=128,
    window=400,
    hop=160,
    fft=512,
    layers=24,
    width=1024,
    heads=8,
    feed_forward=4096,
    kernel=9,
    channels=256,
    has_bias=False,
    scale=1.0,
    prediction=640,
    prediction_layers=2,
    joint=640,
    pieces=1024,
    durations=(0, 1, 2, 3, 4),
    max_symbols=10,
    tokenizer="",
)
