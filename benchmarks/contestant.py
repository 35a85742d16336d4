"""One tool transcribes one recording: the process that ``side_by_side`` starts and times.

Runs in the environment of the tool, without this package, and prints what it found as one line of JSON: the seconds
from its first line to a loaded model, those of the transcription, and the number of tokens or words.

    python contestant.py onnx-asr-int8 MODEL AUDIO [--threads 2]
"""

import argparse
import json
import os
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

BEGAN = time.perf_counter()
_RATE = 16_000
_PIECE_SECONDS = 30
_PIECES_A_BATCH = 4
"""For tools that do not cut long recordings themselves: pieces as long as our chunks, as many at once."""

Transcribe = Callable[[Path], int]
"""Gives the number of tokens or words."""


def nemo(model: Path, threads: int, device: str = "cpu", piece_seconds: int | None = None) -> Transcribe:
    """The original service's path, and anybody's first script: fp32, the whole recording in one piece, or in pieces."""
    import torch

    torch.set_num_threads(threads)
    from nemo.collections.asr.models import ASRModel

    loaded: Any = ASRModel.restore_from(str(model), map_location=device).eval()

    def transcribe(audio: Path) -> int:
        pieces = [str(audio)] if piece_seconds is None else _pieces(audio, piece_seconds)
        return sum(
            len(said.timestamp["word"])
            for piece in pieces
            for said in loaded.transcribe([piece], timestamps=True, verbose=False)
        )

    return transcribe


def onnx_asr(folder: Path, threads: int, quantization: str | None = None) -> Transcribe:
    import onnx_asr as tool
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    loaded = tool.load_model(
        "nemo-conformer-tdt",
        folder,
        quantization=quantization,
        sess_options=options,
        providers=["CPUExecutionProvider"],
    ).with_timestamps()

    def transcribe(audio: Path) -> int:
        pieces = _pieces(audio)
        batches = [pieces[first : first + _PIECES_A_BATCH] for first in range(0, len(pieces), _PIECES_A_BATCH)]
        return sum(len(said.tokens) for batch in batches for said in loaded.recognize(batch, sample_rate=_RATE))

    return transcribe


def sherpa_onnx(folder: Path, threads: int, suffix: str = "") -> Transcribe:
    import sherpa_onnx as tool

    loaded: Any = tool.OfflineRecognizer.from_transducer(
        **{part: str(folder / f"{part}-model{suffix}.onnx") for part in ("encoder", "decoder", "joiner")},
        tokens=str(folder / "vocab.txt"),
        model_type="nemo_transducer",
        num_threads=threads,
    )

    def transcribe(audio: Path) -> int:
        streams = []
        for piece in _pieces(audio):
            streams.append(loaded.create_stream())
            streams[-1].accept_waveform(_RATE, piece)
        for first in range(0, len(streams), _PIECES_A_BATCH):
            loaded.decode_streams(streams[first : first + _PIECES_A_BATCH])
        return sum(len(stream.result.tokens) for stream in streams)

    return transcribe


def nano_parakeet(model: Path, threads: int) -> Transcribe:
    """Its own loader wants v3's 8,192 tokens: the sizes are those of our checkpoint instead."""
    import tarfile

    import torch
    from nano_parakeet import ParakeetTDT
    from nano_parakeet._loader import remap_state_dict

    torch.set_num_threads(threads)
    with tarfile.open(model) as archive:
        member = next(entry for entry in archive.getmembers() if entry.name.endswith("model_weights.ckpt"))
        file = archive.extractfile(member)
        assert file is not None
        weights = remap_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    ParakeetTDT.VOCAB_SIZE = ParakeetTDT.BLANK_ID = len(weights["decoder.embed.weight"]) - 1
    loaded: Any = ParakeetTDT()
    loaded.decoder.embed = torch.nn.Embedding(*weights["decoder.embed.weight"].shape)
    last = [name for name, module in loaded.joint.named_modules() if isinstance(module, torch.nn.Linear)][-1]
    size = weights[f"joint.{last}.weight"].shape
    parent = loaded.joint.get_submodule(last.rpartition(".")[0])
    setattr(parent, last.rpartition(".")[2], torch.nn.Linear(size[1], size[0]))
    loaded.load_state_dict(weights, strict=True)
    loaded.eval()

    def transcribe(audio: Path) -> int:
        samples = torch.cat([torch.from_numpy(piece) for piece in _pieces(audio)])
        return len(loaded.transcribe_audio(samples))

    return transcribe


def faster_whisper(folder: Path, threads: int) -> Transcribe:
    from faster_whisper import WhisperModel

    loaded = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)

    def transcribe(audio: Path) -> int:
        segments, _ = loaded.transcribe(str(audio), beam_size=1, language="en", word_timestamps=True)
        return sum(len(segment.words or ()) for segment in segments)

    return transcribe


def _pieces(audio: Path, seconds: int = _PIECE_SECONDS) -> list[Any]:
    import numpy as np

    with wave.open(str(audio)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    step = seconds * _RATE
    return [samples[first : first + step] for first in range(0, len(samples), step)]


TOOLS: dict[str, Callable[[Path, int], Transcribe]] = {
    "nemo": nemo,
    "onnx-asr": onnx_asr,
    "onnx-asr-int8": lambda folder, threads: onnx_asr(folder, threads, "int8"),
    "sherpa-onnx": sherpa_onnx,
    "sherpa-onnx-int8": lambda folder, threads: sherpa_onnx(folder, threads, ".int8"),
    "nano-parakeet": nano_parakeet,
    "faster-whisper": faster_whisper,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("model", type=Path)
    parser.add_argument("audio", type=Path)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", default="cpu", help="of nemo")
    parser.add_argument("--piece-seconds", type=int, help="of nemo; default: one piece")
    arguments = parser.parse_args()
    said, sys.stdout = sys.stdout, sys.stderr
    if arguments.tool == "nemo":
        transcribe = nemo(arguments.model, arguments.threads, arguments.device, arguments.piece_seconds)
    else:
        transcribe = TOOLS[arguments.tool](arguments.model, arguments.threads)
    loaded = time.perf_counter()
    tokens = transcribe(arguments.audio)
    facts = {"load": loaded - BEGAN, "transcribe": time.perf_counter() - loaded, "tokens": tokens}
    print(json.dumps(facts), file=said)


if __name__ == "__main__":
    main()
