"""The recognizer on NeMo, with the demo checkpoint and with small untrained ones of the other kinds."""

import gzip
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording
from benchmarks.scoring import normalise
from parakeet_cli.errors import DiskFull, EngineFailed, ModelCorrupt, ModelUnsupported, RecognitionFailed
from parakeet_cli.settings import (
    BatchSettings,
    ChunkSettings,
    DecodingSettings,
    Dtype,
    EngineChoice,
    RecognizerSettings,
    TranscriptionSettings,
)
from parakeet_cli.transcript import Token, Transcript
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.chunking import Chunk, Samples
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.media.audio import choose_track, decode, open_media, probe
from parakeet_cli.transcription.media.inputs import FileMedia
from parakeet_cli.transcription.pipeline import Finished, Recording, Transcriber
from parakeet_cli.transcription.pytorch.decoding import Decoder
from parakeet_cli.transcription.pytorch.fitting import Fitting
from parakeet_cli.transcription.pytorch.memory import one_at_a_time
from parakeet_cli.transcription.pytorch.recognizer import TorchRecognizer
from parakeet_cli.transcription.recognizer import Aside, Frames, Hypothesis, Row
from tests.fakes import cut, write_wav

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def minute() -> Samples:
    return make_recording(60, 7, load_clips(DEFAULT_FOLDER), style="mixed").samples


def tokens_of(
    recognizer: TorchRecognizer, samples: Samples, chunk: float, context: float = 1.0, batch: int = 4
) -> list[Token]:
    """Recognize in chunks, with the state carried from one batch of them to the next."""
    chunks = cut(samples, 0, ChunkSettings(chunk, context), recognizer.frame_samples)
    tokens: list[Token] = []
    state: Any = None
    for first in range(0, len(chunks), batch):
        frames = flat(recognizer.encode(chunks[first : first + batch]))
        ((hypothesis, state),) = recognizer.decode([Row(tuple(frames), state)])
        tokens += hypothesis.tokens
    return tokens


def flat(encoded: Sequence[tuple[Frames, ...]]) -> list[Frames]:
    return [frames for pieces_of_chunk in encoded for frames in pieces_of_chunk]


def pieces(tokens: Sequence[Token]) -> list[str]:
    return [token.text for token in tokens]


def text(tokens: Sequence[Token]) -> str:
    return "".join(pieces(tokens)).strip()


def bare(tokens: Sequence[Token]) -> str:
    return " ".join(map(normalise, text(tokens).split()))


def likeness(left: str, right: str) -> float:
    """Share of words in common, in order; capitals and punctuation count."""
    return SequenceMatcher(None, left.split(), right.split(), autojunk=False).ratio()


def last_norm(recognizer: TorchRecognizer) -> Any:
    """The layer normalisation that the encoder ends in."""
    layer: Any = list(recognizer._modules.encoder.layers)[-1]  # type: ignore[arg-type]
    return layer.after if hasattr(layer, "after") else layer.norm_out


def joint_of(recognizer: TorchRecognizer) -> Any:
    """What the joint network makes of the encoder's frames."""
    decoder: Any = recognizer._modules.decoder
    return decoder.from_tokens if hasattr(decoder, "from_tokens") else decoder._computer.joint.pred


def samples_of(path: Path) -> Samples:
    with open_media(FileMedia(path)) as file:
        info = probe(file)
        return np.concatenate(list(decode(file, info, choose_track(info, None), DecodingSettings())))


def test_a_real_recording_is_recognized(recognizer: TorchRecognizer, one_two_three: Path) -> None:
    tokens = tokens_of(recognizer, samples_of(one_two_three), chunk=30)
    assert text(tokens).lower().replace(".", "").replace(",", "") == "one two three"


@pytest.mark.nemo_unpacks
def test_greedy_text_is_that_of_nemos_own_transcribe(
    engine: EngineChoice, demo: Checkpoint, one_two_three: Path
) -> None:
    from nemo.collections.asr.models import ASRModel

    greedy = RecognizerSettings(device="cpu", dtype=Dtype.FP32, engine=engine, skip_confidence=0.0)

    model = ASRModel.restore_from(str(demo.path), map_location="cpu").eval()
    model.preprocessor.featurizer.dither = 0.0
    samples = np.concatenate([samples_of(one_two_three)] * 3)
    (theirs,) = model.transcribe([samples], timestamps=True, verbose=False)
    ours = tokens_of(load_recognizer(demo, greedy), samples, chunk=30)
    assert text(ours) == theirs.text
    assert sorted({token.start for token in ours if token.text.startswith(" ")}) == pytest.approx(
        [word["start"] for word in theirs.timestamp["word"]]
    )


@pytest.mark.parametrize("chunk", [4, 10])
def test_chunks_with_context_and_carried_state_say_what_one_pass_says(
    recognizer: TorchRecognizer, minute: Samples, chunk: float
) -> None:
    whole = tokens_of(recognizer, minute, chunk=70)
    chunked = tokens_of(recognizer, minute, chunk=chunk, context=2.0)
    assert len(whole) > 60
    assert likeness(bare(whole), bare(chunked)) >= 0.97
    assert likeness(text(whole), text(chunked)) >= 0.95


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_words_do_not_depend_on_the_batch_size_in_fp32(
    recognizer: TorchRecognizer, minute: Samples, batch: int
) -> None:
    first = tokens_of(recognizer, minute, chunk=5, batch=3)
    other = tokens_of(recognizer, minute, chunk=5, batch=batch)
    assert pieces(other) == pieces(first)
    assert [(token.start, token.end) for token in other] == [(token.start, token.end) for token in first]
    assert [token.logprob for token in other] == pytest.approx([token.logprob for token in first], abs=1e-3)


@pytest.mark.parametrize("on_card", [True, False])
def test_encoded_aside_it_says_the_same(
    recognizer: TorchRecognizer, minute: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_card: bool
) -> None:
    """With two recordings, and an audit that has holes to look into; a card's stream is a stand-in."""
    media = FileMedia(write_wav(tmp_path / "minute.wav", minute))
    settings = TranscriptionSettings(chunks=ChunkSettings(6, 1), batch=BatchSettings(2))
    decode, calls = recognizer.decode, 0

    def forgetful(rows: Sequence[Row]) -> list[tuple[Hypothesis, Any]]:
        nonlocal calls
        calls += 1
        found = decode(rows)
        return [(Hypothesis(()), state) for _, state in found] if calls == 2 else found

    def transcripts() -> list[Transcript]:
        nonlocal calls
        calls = 0
        events = Transcriber(recognizer, settings).transcribe([Recording(number, media) for number in range(2)])
        return [event.transcript for event in events if isinstance(event, Finished)]

    def told(transcript: Transcript) -> object:
        """All but confidences, whose last digits depend on how many threads add."""
        words = [(word.text, word.start, word.end) for word in transcript.words]
        return words, transcript.gaps, transcript.skipped, transcript.duration

    encoders: list[str] = []
    encode = recognizer._encode

    def noted(chunks: Sequence[Chunk], *, exactly: bool = False) -> list[tuple[Frames, ...]]:
        encoders.append(threading.current_thread().name)
        return encode(chunks, exactly=exactly)

    monkeypatch.setattr(recognizer, "decode", forgetful)
    monkeypatch.setattr(recognizer, "_encode", noted)
    in_turn = transcripts()
    assert min(len(transcript.words) for transcript in in_turn) > 50
    assert {name.startswith("encoding") for name in encoders} == {False}
    encoders.clear()
    if on_card:
        monkeypatch.setattr(recognizer, "_stream", SimpleNamespace(synchronize=lambda: None))
        for name in ("stream", "device"):
            monkeypatch.setattr(f"torch.cuda.{name}", nullcontext)
    else:
        monkeypatch.setattr(recognizer, "_processors", 2)
    assert recognizer.encodes_aside is (Aside.ALWAYS if on_card else Aside.ALONE)
    aside = transcripts()
    assert aside == in_turn if on_card else [*map(told, aside)] == [*map(told, in_turn)]
    assert {name.startswith("encoding") for name in encoders} == {True, False}  # the audit encodes as well


@pytest.mark.parametrize(("processors", "aside"), [(1, Aside.NEVER), (2, Aside.ALONE)])
def test_where_processors_are_shared_one_decodes_while_the_others_encode(
    recognizer: TorchRecognizer, minute: Samples, processors: int, aside: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognizer, "_processors", processors)
    torch.set_num_threads(3)  # whoever calls may have been given others
    assert recognizer.encodes_aside is aside
    (chunk, *_) = cut(minute, 0, ChunkSettings(10, 1), recognizer.frame_samples)
    seen: list[int] = []

    def noting(call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*inputs: Any) -> Any:
            seen.append(torch.get_num_threads())
            return call(*inputs)

        return noted

    modules = recognizer._modules
    decoder = SimpleNamespace(decode=noting(modules.decoder.decode))
    noted_modules = replace(modules, encode=noting(modules.encode), decoder=cast(Decoder, decoder))
    monkeypatch.setattr(recognizer, "_modules", noted_modules)
    ((frames,),) = recognizer.encode([chunk])
    ((hypothesis, _),) = recognizer.decode([Row((frames,), None)])
    assert hypothesis.tokens
    assert seen == [processors, 1]
    assert torch.get_num_threads() == 3


def test_rows_of_different_recordings_do_not_touch_each_other(recognizer: TorchRecognizer, minute: Samples) -> None:
    """One goes on with its state, one begins, one is short: each says what it says alone."""
    parts = [minute[: 40 * 16_000], minute[10 * 16_000 : 50 * 16_000], minute[: 3 * 16_000]]
    chunks = [cut(part, n, ChunkSettings(10, 1), recognizer.frame_samples) for n, part in enumerate(parts)]
    alone = [tokens_of(recognizer, part, chunk=10, batch=1) for part in parts]
    states: list[Any] = [None] * 3
    together: list[list[Token]] = [[], [], []]
    for step in range(5):
        numbers = [n for n in range(3) if n <= step and step - n < len(chunks[n])]
        frames = flat(recognizer.encode([chunks[n][step - n] for n in numbers]))
        rows = [Row((part,), states[n]) for n, part in zip(numbers, frames, strict=True)]
        for n, (hypothesis, state) in zip(numbers, recognizer.decode(rows), strict=True):
            together[n] += hypothesis.tokens
            states[n] = state
    assert [pieces(tokens) for tokens in together] == [pieces(tokens) for tokens in alone]
    assert [[t.start for t in tokens] for tokens in together] == [[t.start for t in tokens] for tokens in alone]
    assert [[t.end for t in tokens] for tokens in together] == [[t.end for t in tokens] for tokens in alone]


def test_log_probabilities_are_the_decoders_own(
    recognizer: TorchRecognizer, nemo_model: Any, one_two_three: Path
) -> None:
    """The first token's, computed by hand from the joint network's output at its frame."""
    samples = samples_of(one_two_three)
    (chunk,) = cut(samples, 0, ChunkSettings(30, 1), recognizer.frame_samples)
    ((frames,),) = recognizer.encode([chunk])
    ((hypothesis, _),) = recognizer.decode([Row((frames,), None)])
    token = hypothesis.tokens[0]
    model = nemo_model
    with torch.inference_mode():
        blank = model.joint.num_classes_with_blank - model.joint.num_extra_outputs - 1
        predicted, _ = model.decoder.predict(torch.tensor([[blank]]), None, add_sos=False, batch_size=1)[:2]
        frame = frames.encoded[round(token.start / 0.08)][None, None]
        logits = model.joint.joint(frame, predicted)[0, 0, 0, : blank + 1]
    assert token.logprob == pytest.approx(float(logits.log_softmax(0).max()), abs=1e-4)
    assert all(token.logprob <= 0 for token in hypothesis.tokens)
    assert len({round(token.logprob, 6) for token in hypothesis.tokens}) > 1


def test_every_frame_is_owned_once(recognizer: TorchRecognizer, minute: Samples) -> None:
    chunks = cut(minute[: 50 * 16_000 + 333], 0, ChunkSettings(7, 1), recognizer.frame_samples)
    frames = flat(recognizer.encode(chunks))
    position = 0
    for part in frames:
        assert part.first_sample == position
        assert part.count == len(part.encoded)
        position += part.count * recognizer.frame_samples
    assert 0 <= position - (50 * 16_000 + 333) < recognizer.frame_samples


@pytest.mark.parametrize("kind", ["rnnt", "ctc", "hybrid"])
def test_other_kinds_load_and_carry_their_state_over_cuts(untrained: Any, minute: Samples, kind: str) -> None:
    """Random weights emit something at most frames; frame by frame it must not matter where the cuts fall."""
    loaded = load_recognizer(untrained(kind), RecognizerSettings(device="cpu", dtype=Dtype.FP32))
    chunk = cut(minute[: 12 * 16_000], 0, ChunkSettings(30, 1), loaded.frame_samples)[0]
    ((frames,),) = loaded.encode([chunk])
    ((whole, _),) = loaded.decode([Row((frames,), None)])
    assert len(whole.tokens) > 5
    parts: list[Token] = []
    state: Any = None
    for first in range(0, frames.count, 17):
        encoded = frames.encoded[first : first + 17]
        part = type(frames)(first * loaded.frame_samples, len(encoded), encoded)
        ((hypothesis, state),) = loaded.decode([Row((part,), state)])
        parts += hypothesis.tokens
    assert pieces(parts) == pieces(whole.tokens)
    assert [token.start for token in parts] == pytest.approx([token.start for token in whole.tokens])
    assert all(token.end > token.start or kind == "hybrid" for token in whole.tokens)


@pytest.mark.parametrize("kind", ["demo", "rnnt", "ctc"])
def test_a_packed_state_goes_on_as_the_state_itself(
    demo: Checkpoint, untrained: Any, minute: Samples, kind: str
) -> None:
    """To the last bit, in another recognizer of the same checkpoint."""
    checkpoint = demo if kind == "demo" else untrained(kind)
    first, second = (load_recognizer(checkpoint, RecognizerSettings(device="cpu", dtype=Dtype.FP32)) for _ in range(2))
    chunks = cut(minute[: 24 * 16_000], 0, ChunkSettings(10, 1), first.frame_samples)
    before, after = (flat(first.encode([chunk])) for chunk in chunks[:2])
    ((_, state),) = first.decode([Row(tuple(before), None)])
    ((expected, end),) = first.decode([Row(tuple(after), state)])
    ((resumed, resumed_end),) = second.decode([Row(tuple(after), second.unpack(first.pack(state)))])
    assert resumed == expected
    assert len(expected.tokens) > 3
    assert second.pack(resumed_end) == first.pack(end)
    assert first.unpack(first.pack(None)) is None
    with pytest.raises(ValueError, match="another engine's"):  # as one that bears the mark of an engine's process
        first.unpack(bytes(32) + first.pack(state))


def test_a_chunk_is_decoded_in_pieces_that_begin_afresh(recognizer: TorchRecognizer, minute: Samples) -> None:
    (chunk,) = cut(minute[: 20 * 16_000], 0, ChunkSettings(30, 1), recognizer.frame_samples)
    place = 100 * recognizer.frame_samples
    ((whole,),) = recognizer.encode([chunk])
    ((first, second),) = recognizer.encode([replace(chunk, restarts=(0, place))])
    assert (first.count, second.count) == (100, whole.count - 100)
    assert second.first_sample == place
    assert np.array_equal(np.concatenate([first.encoded, second.encoded]), whole.encoded)
    exact = flat(recognizer.encode([chunk], exactly=True))
    assert np.array_equal(exact[0].encoded, whole.encoded)


def test_overflow_in_a_short_format_is_repeated_in_fp32(
    demo: Checkpoint, engine: EngineChoice, minute: Samples, caplog: pytest.LogCaptureFixture
) -> None:
    """Row C22. Scaled weights fit into fp16, what they give does not: 65,504 is its largest value."""
    loaded = load_recognizer(demo, RecognizerSettings(device="cpu", dtype=Dtype.FP16, engine=engine))
    chunk = cut(minute[: 5 * 16_000], 0, ChunkSettings(30, 1), loaded.frame_samples)[0]
    plain = load_recognizer(demo, RecognizerSettings(device="cpu", dtype=Dtype.FP32, engine=engine))
    for each in (loaded, plain):
        last_norm(each).weight.data.fill_(30_000)
    with caplog.at_level(logging.WARNING):
        ((frames,),) = loaded.encode([chunk])
        loaded.encode([chunk])
    assert caplog.text.count("repeated in fp32") == 1  # it is told once, not for every batch
    ((expected,),) = plain.encode([chunk])
    assert np.isfinite(frames.encoded.numpy()).all()
    assert np.allclose(frames.encoded.numpy(), expected.encoded.numpy(), rtol=0.05, atol=500)


def test_values_that_stay_infinite_are_an_error_of_that_sound(
    demo: Checkpoint, engine: EngineChoice, minute: Samples
) -> None:
    """Row C22."""
    loaded = load_recognizer(demo, RecognizerSettings(device="cpu", dtype=Dtype.BF16, engine=engine))
    last_norm(loaded).weight.data.fill_(float("inf"))
    chunk = cut(minute[: 5 * 16_000], 0, ChunkSettings(30, 1), loaded.frame_samples)[0]
    with pytest.raises(RecognitionFailed, match="not finite"):
        loaded.encode([chunk])


def test_bf16_changes_few_words(
    demo: Checkpoint, engine: EngineChoice, recognizer: TorchRecognizer, minute: Samples
) -> None:
    short = load_recognizer(demo, RecognizerSettings(device="cpu", dtype=Dtype.BF16, engine=engine))
    left, right = (text(tokens_of(each, minute, chunk=30)) for each in (recognizer, short))
    assert likeness(left, right) >= 0.95


def test_a_model_of_another_kind_is_refused_by_name(demo: Checkpoint, tmp_path: Path) -> None:
    path = repacked(
        demo.path,
        tmp_path,
        config=lambda text: text.replace(
            "target: nemo.collections.asr.models.rnnt_bpe_models.EncDecRNNTBPEModel",
            "target: nemo.collections.asr.models.EncDecMultiTaskModel",
        ),
    )
    with pytest.raises(ModelUnsupported, match="EncDecMultiTaskModel"):
        load_recognizer(Checkpoint("other", path), RecognizerSettings(device="cpu"))


def test_damaged_weights_are_reported_with_the_path(demo: Checkpoint, tmp_path: Path) -> None:
    path = repacked(demo.path, tmp_path, weights=lambda data: data[:1000] + b"\0" * (len(data) - 1000))
    with pytest.raises(ModelCorrupt, match=str(path)):
        load_recognizer(Checkpoint("damaged", path), RecognizerSettings(device="cpu"))


def test_a_disk_too_full_to_unpack_gzip_is_no_damage(
    demo: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.nemo"
    path.write_bytes(gzip.compress(demo.path.read_bytes(), compresslevel=1))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
    with pytest.raises(DiskFull, match="TMPDIR"):
        load_recognizer(Checkpoint("old", path), RecognizerSettings(device="cpu", allow_legacy=True))


@pytest.mark.parametrize(
    ("window", "chunks"),
    [(36, 4), (5, 4), (606, 1), (72, 2)],
)
def test_batches_of_longer_chunks_have_fewer_of_them(recognizer: TorchRecognizer, window: float, chunks: int) -> None:
    assert recognizer.chunks_a_batch(window) == chunks


def test_the_language_is_the_checkpoints(demo: Checkpoint, recognizer: TorchRecognizer) -> None:
    assert recognizer.language == demo.language == "en"


def test_a_card_that_fails_is_an_engine_error_in_both_halves(
    recognizer: TorchRecognizer, minute: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognizer, "_fitting", Fitting(recognizer.frame_samples))

    def fail(*_: object) -> None:
        raise error

    chunk = cut(minute[: 5 * 16_000], 0, ChunkSettings(30, 1), recognizer.frame_samples)[0]
    row = Row(tuple(flat(recognizer.encode([chunk]))), None)
    hooks = [part.register_forward_pre_hook(fail) for part in (recognizer._modules.encoder, joint_of(recognizer))]
    try:
        error: Exception = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB." + " More of it." * 99)
        with pytest.raises(RecognitionFailed, match=r"Tried to allocate 9 GiB.*or use --device cpu") as not_encoded:
            recognizer.encode([chunk])
        assert len(str(not_encoded.value)) < 400
        with pytest.raises(EngineFailed, match=r"Tried to allocate 9 GiB.*--chunk-seconds, or --device cpu") as caught:
            recognizer.decode([row])
        assert len(str(caught.value)) < 400
        assert (caught.value.code, caught.value.exit_code) == ("engine_failed", 5)
        error = torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might")
        with pytest.raises(EngineFailed, match=r"illegal memory access was encountered\).*--device cpu"):
            recognizer.decode([row])
        error = TypeError("a mistake of ours")
        with pytest.raises(TypeError, match="a mistake of ours"):
            recognizer.decode([row])
        error = NotImplementedError("a gap of ours")
        with pytest.raises(NotImplementedError, match="a gap of ours"):
            recognizer.encode([chunk])
    finally:
        for hook in hooks:
            hook.remove()


def test_a_checkpoint_that_does_not_fit_in_memory_is_not_called_damaged(
    demo: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        torch.empty(10**15)

    monkeypatch.setattr(torch, "load", no_room)
    with pytest.raises(EngineFailed, match=r"can't allocate memory.*smaller model"):
        load_recognizer(demo, RecognizerSettings(device="cpu"))


def test_a_checkpoint_that_a_card_cannot_take_is_an_engine_error(
    demo: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.")

    monkeypatch.setattr(torch.nn.Module, "to", no_room)
    with pytest.raises(EngineFailed, match="smaller model, or --device cpu"):
        load_recognizer(demo, RecognizerSettings(device="cpu"))


def repacked(path: Path, folder: Path, config: Any = None, weights: Any = None) -> Path:
    """The archive with its configuration or weights changed."""
    import io
    import tarfile

    changed = folder / "changed.nemo"
    with tarfile.open(path) as source, tarfile.open(changed, "w") as target:
        for member in source.getmembers():
            file = source.extractfile(member)
            if file is None:
                continue
            data = file.read()
            if config and member.name.endswith("model_config.yaml"):
                data = config(data.decode()).encode()
            if weights and member.name.endswith(".ckpt"):
                data = weights(data)
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    return changed


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("samples", [1, 100, 159, 200, 1279])
def test_a_click_between_silences_is_heard_as_one_frame(recognizer: TorchRecognizer, samples: int) -> None:
    """A stretch may last less than one frame of features; that stopped all recordings, and the next run again."""
    sound = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    (chunk,) = cut(sound, 0, ChunkSettings(30, 1), recognizer.frame_samples)
    for exactly in (False, True):
        ((frames,),) = recognizer.encode([chunk], exactly=exactly)
        assert frames.count == len(frames.encoded) == 1
        assert len(recognizer.decode([Row((frames,), None)])) == 1


def test_a_recording_that_ends_in_a_click_is_transcribed(recognizer: TorchRecognizer, tmp_path: Path) -> None:
    samples = np.zeros(25_600 + 100, np.float32)
    samples[25_600:] = 0.5
    events = Transcriber(recognizer, TranscriptionSettings()).transcribe(
        [Recording(0, FileMedia(write_wav(tmp_path / "click.wav", samples)))]
    )
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert finished.transcript.text == ""


@pytest.mark.parametrize("fails", [False, True])
def test_after_an_exact_batch_the_encoder_is_in_its_own_format_again(
    demo: Checkpoint, engine: EngineChoice, minute: Samples, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """Also where memory was short while it was converted."""
    loaded = load_recognizer(demo, RecognizerSettings(device="cpu", dtype=Dtype.BF16, engine=engine))
    (chunk,) = cut(minute[: 5 * 16_000], 0, ChunkSettings(30, 1), loaded.frame_samples)
    ((before,),) = loaded.encode([chunk])
    if fails and engine is EngineChoice.NEMO:
        encoder = loaded._modules.encoder

        def half(dtype: torch.dtype) -> None:
            next(encoder.parameters()).data = next(encoder.parameters()).data.to(dtype)
            raise torch.OutOfMemoryError("CUDA out of memory.")

        with monkeypatch.context() as patched:
            patched.setattr(encoder, "to", half)
            with pytest.raises(RecognitionFailed, match="out of memory"):
                loaded.encode([chunk], exactly=True)
    else:
        loaded.encode([chunk], exactly=True)
    ((after,),) = loaded.encode([chunk])
    assert np.array_equal(after.encoded, before.encoded)


def test_an_exact_batch_that_is_too_large_says_nothing_of_others(
    demo: Checkpoint, engine: EngineChoice, minute: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_recognizer(demo, RecognizerSettings(device="cpu", dtype=Dtype.BF16, engine=engine))
    chunks = cut(minute[: 10 * 16_000], 0, ChunkSettings(5, 1), loaded.frame_samples)[:2]
    alone = [loaded.encode([chunk], exactly=True)[0][0].encoded for chunk in chunks]
    sizes: list[tuple[int, torch.dtype]] = []
    modules = loaded._modules

    def counted(encode: Any) -> Any:
        def run(features: torch.Tensor, lengths: torch.Tensor) -> Any:
            sizes.append((len(features), features.dtype))
            if sizes[-1] == (2, torch.float32):
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return encode(features, lengths)

        return run

    exactly = counted(modules.encode_exactly)
    monkeypatch.setattr(loaded, "_modules", replace(modules, encode=counted(modules.encode), encode_exactly=exactly))
    exact = flat(loaded.encode(chunks, exactly=True))
    loaded.encode(chunks)
    assert sizes == [(2, torch.float32), (1, torch.float32), (1, torch.float32), (2, torch.bfloat16)]
    for frames, own in zip(exact, alone, strict=True):
        assert np.allclose(frames.encoded, own, atol=1e-4)


def test_decoding_that_finds_a_card_full_is_tried_again_while_nothing_is_encoded(
    recognizer: TorchRecognizer, minute: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Row(tuple(flat(recognizer.encode(cut(minute, 0, ChunkSettings(70, 1), recognizer.frame_samples)))), None)
    ((expected, _),) = recognizer.decode([row])
    calls: list[bool] = []

    def refuse_once(*_: object) -> None:
        calls.append(one_at_a_time._is_owned())  # type: ignore[attr-defined]
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = joint_of(recognizer).register_forward_pre_hook(refuse_once)
    monkeypatch.setattr(recognizer, "_stream", SimpleNamespace())
    ((found, _),) = recognizer.decode([row])
    hook.remove()
    assert found == expected
    assert calls[0] is False and all(calls[1:])


@pytest.mark.gpu
def test_a_card_hears_what_the_cpu_hears(demo: Checkpoint, engine: EngineChoice, minute: Samples) -> None:
    """Of three lengths in one batch, from two threads, and once more as the audit asks for it."""
    plain = load_recognizer(demo, RecognizerSettings(device="cpu", dtype=Dtype.FP32, engine=engine))
    card = load_recognizer(demo, RecognizerSettings(device="cuda", engine=engine))
    parts = [minute[: round(seconds * 16_000)] for seconds in (20.03, 7.3, 13.31)]
    chunks = [cut(part, n, ChunkSettings(30, 1), plain.frame_samples)[0] for n, part in enumerate(parts)]
    expected = [frames.encoded for frames in flat(plain.encode(chunks))]
    with ThreadPoolExecutor(1) as thread:
        found = [card.encode(chunks), thread.submit(card.encode, chunks).result(), card.encode(chunks, exactly=True)]
    for encoded, bound in zip(found, (0.02, 0.02, 1e-3), strict=True):
        for frames, own in zip(flat(encoded), expected, strict=True):
            error = torch.linalg.vector_norm(frames.encoded.cpu() - own) / torch.linalg.vector_norm(own)
            assert float(error) < bound
    words = [
        text(hypothesis.tokens) for hypothesis, _ in plain.decode([Row((f,), None) for f in flat(plain.encode(chunks))])
    ]
    again = [text(hypothesis.tokens) for hypothesis, _ in card.decode([Row((f,), None) for f in flat(found[0])])]
    assert min(map(likeness, words, again)) >= 0.95
