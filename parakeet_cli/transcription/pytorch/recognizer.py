"""A Recognizer on torch: features, an encoder in its number format, a decoder; whoever built them."""

import io
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch

from parakeet_cli.errors import RecognitionFailed
from parakeet_cli.settings import SAMPLE_RATE, EngineChoice
from parakeet_cli.transcript import Token
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.chunking import Chunk
from parakeet_cli.transcription.pytorch.decoding import Decoder, Emission
from parakeet_cli.transcription.pytorch.devices import use_steady_kernels
from parakeet_cli.transcription.pytorch.failures import engine_failures, ran_out_of_memory
from parakeet_cli.transcription.pytorch.fitting import Fitting, give_back
from parakeet_cli.transcription.pytorch.memory import Activations, free_bytes, one_at_a_time, rows_that_fit
from parakeet_cli.transcription.recognizer import UNKNOWN, Aside, DecoderState, Frames, Hypothesis, Row, owned_pieces

__all__ = ["Modules", "TorchRecognizer", "piece_text"]

_LOG = logging.getLogger(__name__)

_CHUNKS_ON_CPU = 4
_MOST_CHUNKS_ON_CUDA = 32
"""As far as a card's memory allows; nobody has measured what more would gain, and all in a batch wait for it."""
_WINDOW_SECONDS = 36.0
"""What a chunk of those hears; a batch of longer ones has as many seconds."""

_ARCHIVE = b"PK\x03\x04"
"""What ``torch.save`` writes begins so, as every zip."""
_SAVING = "a smaller --batch-size or --chunk-seconds"


@dataclass(frozen=True, slots=True)
class Modules:
    """``features`` makes [rows, samples] and [rows] lengths what ``encoder`` takes with the [rows] lengths of that;
    ``encode`` runs ``encoder`` on it, and gives [rows, frames, width] and [rows]; ``encode_exactly`` does so in fp32,
    also where the encoder is in another format; ``activations`` is what that keeps in memory. ``pieces`` has a text a
    token id.
    """

    features: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    encoder: torch.nn.Module
    encode: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    encode_exactly: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    activations: Activations
    decoder: Decoder
    pieces: tuple[str, ...]
    frame_samples: int
    engine: EngineChoice
    """Who built them; never ``AUTO``."""
    settle: Callable[[], Iterator[None]] = lambda: iter(())
    """The steps of ``LastingRecognizer.settle``, for which no batch may be encoded."""


class TorchRecognizer:
    """A loaded checkpoint. The encoder runs in ``dtype``; features, decoder and joint network in fp32."""

    def __init__(self, modules: Modules, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self.model = checkpoint.name
        self.language = checkpoint.language
        self.device = device
        self.dtype = dtype
        self.frame_samples = modules.frame_samples
        self.engine = modules.engine
        self._modules = modules
        self._has_overflowed = False
        self._fitting = Fitting(modules.frame_samples)
        self._exact_fitting = Fitting(modules.frame_samples)
        """Of fp32, which takes twice as much, and says nothing of what else fits."""
        self._processors = torch.get_num_threads() if device.type == "cpu" else 0
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        """Of the encoder, its weights included, so that it need not wait for the decoder, nor this for it."""
        if self._stream is not None:
            use_steady_kernels()
            self._stream.wait_stream(torch.cuda.default_stream(device))  # on which the weights came
        with self._on_stream():
            modules.encoder.to(dtype)
        if self._stream is not None:
            torch.cuda.empty_cache()  # what the weights took in fp32 is of no use to another stream

    @property
    def encodes_aside(self) -> Aside:
        if self._stream is not None:
            return Aside.ALWAYS
        return Aside.ALONE if self._processors > 1 else Aside.NEVER

    def chunks_a_batch(self, window_seconds: float) -> int:
        on_cpu = self.device.type == "cpu"
        most = _CHUNKS_ON_CPU if on_cpu else _MOST_CHUNKS_ON_CUDA
        suitable = max(1, int(most * min(1.0, _WINDOW_SECONDS / window_seconds)))
        if on_cpu:
            return suitable
        frames = math.ceil(window_seconds * SAMPLE_RATE / self.frame_samples)
        number_bytes = torch.finfo(self.dtype).bits // 8
        return min(suitable, rows_that_fit(self._modules.activations, frames, number_bytes, free_bytes(self.device)))

    @engine_failures(_SAVING)
    def encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        with one_at_a_time, self._on_stream(), self._on_processors(self._processors):
            return self._encode_exactly(chunks) if exactly else self._fitting.encode(chunks, self._encode)

    def _encode(self, chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        return self.encode_features(chunks, *self.features(chunks), exactly=exactly)

    def _encode_exactly(self, chunks: Sequence[Chunk]) -> list[tuple[Frames, ...]]:
        return self._exact_fitting.encode(chunks, partial(self._encode, exactly=True))

    @contextmanager
    def _on_processors(self, count: int) -> Iterator[None]:
        """Within, an operator of this thread has so many threads, where those of torch are what computes."""
        if not self._processors:
            yield
            return
        before = torch.get_num_threads()  # which also settles it: else the first operator takes what others have set
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @contextmanager
    def _on_stream(self) -> Iterator[None]:
        """Within, what goes to a card goes to the encoder's stream; at the end all of that is done."""
        if self._stream is None:
            yield
            return
        with torch.cuda.device(self.device), torch.cuda.stream(self._stream):
            yield
            self._stream.synchronize()  # else another stream could read what is not written yet

    @engine_failures(_SAVING)
    @torch.inference_mode()
    def features(self, chunks: Sequence[Chunk]) -> tuple[torch.Tensor, torch.Tensor]:
        """What the encoder takes, padded to the longest chunk, and the [rows] lengths: the first half of ``encode``.

        A chunk is heard as one frame at least: a click between silences may last less than one of its features.
        """
        lengths = torch.tensor([max(len(chunk.samples), self.frame_samples) for chunk in chunks])
        on_card = self.device.type == "cuda"
        signals = torch.empty(len(chunks), int(lengths.max()), pin_memory=on_card)
        for row, chunk in enumerate(chunks):
            signals[row, : len(chunk.samples)] = torch.from_numpy(chunk.samples)
            signals[row, len(chunk.samples) :] = 0.0
        return self._modules.features(signals.to(self.device, non_blocking=on_card), lengths.to(self.device))

    @engine_failures(_SAVING)
    @torch.inference_mode()
    def encode_features(
        self, chunks: Sequence[Chunk], features: torch.Tensor, lengths: torch.Tensor, *, exactly: bool = False
    ) -> list[tuple[Frames, ...]]:
        """The second half of ``encode``."""
        run = self._modules.encode_exactly if exactly else self._modules.encode
        encoded, frame_counts = run(features if exactly else features.to(self.dtype), lengths)
        if not torch.isfinite(encoded).all():
            if exactly:
                raise RecognitionFailed("The encoder gives values that are not finite for this audio, also in fp32.")
            self._warn_of_overflow()
            del encoded
            return self._encode_exactly(chunks)
        return [
            self._owned(chunk, frames, count)
            for chunk, frames, count in zip(chunks, encoded.float(), frame_counts.tolist(), strict=True)
        ]

    def _warn_of_overflow(self) -> None:
        if not self._has_overflowed and self.dtype != torch.float32:
            _LOG.warning("The encoder's %s overflows for some audio; such batches are repeated in fp32.", self.dtype)
        self._has_overflowed = True

    def _owned(self, chunk: Chunk, frames: torch.Tensor, count: int) -> tuple[Frames, ...]:
        return tuple(
            Frames(place, last - first, frames[first:last].clone())
            for place, first, last in owned_pieces(chunk, count, self.frame_samples)
        )

    @engine_failures(_SAVING)
    @torch.inference_mode()
    def decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        try:
            with self._on_processors(1):  # its steps are too small for two, which would keep others from encoding
                return self._decode(rows)
        except (RuntimeError, MemoryError) as error:
            if self._stream is None or not ran_out_of_memory(error):
                raise
        with one_at_a_time:  # once more, while nothing is encoded
            give_back()
            return self._decode(rows)

    def _decode(self, rows: Sequence[Row]) -> list[tuple[Hypothesis, DecoderState]]:
        encoded = [torch.cat([frames.encoded for frames in row.frames]) for row in rows]
        decoded = self._modules.decoder.decode(encoded, [row.state for row in rows])
        return [
            (self._hypothesis(emissions, row.frames[0].first_sample), state)
            for row, (emissions, state) in zip(rows, decoded, strict=True)
        ]

    def settle(self) -> Iterator[bool]:
        steps = self._modules.settle()
        while True:
            is_free = one_at_a_time.acquire(blocking=False)
            if is_free:
                try:
                    next(steps)
                except StopIteration:
                    return
                finally:
                    one_at_a_time.release()
            yield is_free

    def pack(self, state: DecoderState) -> bytes:
        file = io.BytesIO()
        plain = None if state is None else self._modules.decoder.plain(state)
        torch.save({"decoder": type(self._modules.decoder).__name__, "state": plain}, file)
        return file.getvalue()

    def unpack(self, packed: bytes) -> DecoderState:
        if not packed.startswith(_ARCHIVE):  # such as one that bears an engine's mark; torch would raise anything
            raise ValueError("the state is another engine's")
        content = torch.load(io.BytesIO(packed), map_location=self.device, weights_only=True)
        if not isinstance(content, dict) or content.get("decoder") != type(self._modules.decoder).__name__:
            raise ValueError("the state is another engine's")
        plain = content["state"]
        return None if plain is None else self._modules.decoder.restored(plain)

    def _hypothesis(self, emissions: Sequence[Emission], first_sample: int) -> Hypothesis:
        tokens = []
        for emission in emissions:
            if text := self._modules.pieces[emission.token_id]:
                start = first_sample + emission.frame * self.frame_samples
                end = start + emission.frames * self.frame_samples
                tokens.append(Token(text, start / SAMPLE_RATE, end / SAMPLE_RATE, emission.logprob))
        return Hypothesis(tuple(tokens))


def piece_text(piece: str) -> str:
    """Of SentencePiece's piece: a leading space where a word starts, nothing for a control token."""
    if piece == "<unk>":
        return UNKNOWN
    if piece.startswith("<") and piece.endswith(">") and len(piece) > 2:
        return ""
    return piece.replace("▁", " ")
