"""Our network against NeMo's, token for token: the trained demo checkpoint, and random weights of other shapes."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording
from benchmarks.replica import Shape, _config, build
from parakeet_cli.errors import DeviceUnavailable, ModelNotFound, ModelUnsupported
from parakeet_cli.settings import Dtype, EngineChoice, RecognizerSettings
from parakeet_cli.transcription import loading
from parakeet_cli.transcription.checkpoints import Checkpoint, find
from parakeet_cli.transcription.checkpoints.conversions import conversions
from parakeet_cli.transcription.chunking import Chunk, Samples, Span
from parakeet_cli.transcription.fastconformer import layer
from parakeet_cli.transcription.fastconformer.architecture import describe
from parakeet_cli.transcription.fastconformer.encoder import Encoder
from parakeet_cli.transcription.fastconformer.quantized import Int8Linear, quantize
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.pytorch.recognizer import TorchRecognizer
from parakeet_cli.transcription.recognizer import Frames, Row
from tests.full_size import FULL_SIZE

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def minute() -> Samples:
    return make_recording(60, 11, load_clips(DEFAULT_FOLDER), style="mixed").samples


@pytest.fixture(scope="module")
def small_replica(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Random weights: two layers of the encoder and of the LSTM, biases, scaled frames, another kernel."""
    path = tmp_path_factory.mktemp("replica") / "small.nemo"
    build(path, Shape(2, 64, 4, channels=16, kernel=5, mels=80, has_bias=True, is_scaled=True, prediction=48))
    return Checkpoint("small", path)


def both(
    checkpoint: Checkpoint, dtype: Dtype = Dtype.FP32, skip_confidence: float = RecognizerSettings().skip_confidence
) -> tuple[TorchRecognizer, TorchRecognizer]:
    settings = RecognizerSettings(device="cpu", dtype=dtype, skip_confidence=skip_confidence)
    ours, theirs = (
        load_recognizer(checkpoint, replace(settings, engine=engine))
        for engine in (EngineChoice.TORCH, EngineChoice.NEMO)
    )
    return ours, theirs


def chunks_of(samples: Samples, seconds: Sequence[float]) -> list[Chunk]:
    """One after the other, each a recording of its own."""
    chunks, start = [], 0
    for number, length in enumerate(seconds):
        end = start + round(length * 16_000)
        chunks.append(Chunk(samples[start:end], Span(0, 0, end - start, end - start), number))
        start = end
    return chunks


def decoded(recognizer: TorchRecognizer, encoded: Sequence[tuple[Frames, ...]], cut: int) -> list[tuple[Any, ...]]:
    """Tokens of all rows, decoded in two parts with the state carried between them."""
    heads = [Frames(f.first_sample, cut, f.encoded[:cut]) for (f,) in encoded]
    tails = [
        Frames(f.first_sample + cut * recognizer.frame_samples, f.count - cut, f.encoded[cut:]) for (f,) in encoded
    ]
    begun = recognizer.decode([Row((head,), None) for head in heads])
    states = [recognizer.unpack(recognizer.pack(state)) for _, state in begun]
    ended = recognizer.decode([Row((tail,), state) for tail, state in zip(tails, states, strict=True)])
    return [(*first.tokens, *second.tokens) for (first, _), (second, _) in zip(begun, ended, strict=True)]


@pytest.mark.parametrize("which", ["demo", "small"])
@pytest.mark.parametrize("skip_confidence", [0.0, 0.9])
def test_every_token_is_that_of_nemo(
    which: str, skip_confidence: float, minute: Samples, request: pytest.FixtureRequest
) -> None:
    """Rows of unlike length in one batch, with quiet sound and noise among them; 0 is NeMo's own greedy decoding."""
    checkpoint = find("demo") if which == "demo" else request.getfixturevalue("small_replica")
    ours, theirs = both(checkpoint, skip_confidence=skip_confidence)
    chunks = chunks_of(minute, [11.3, 4.02, 0.7, 20])
    encoded, expected = ours.encode(chunks), theirs.encode(chunks)
    for (mine,), (reference,) in zip(encoded, expected, strict=True):
        assert mine.count == reference.count
        assert np.allclose(mine.encoded, reference.encoded, atol=2e-4, rtol=1e-3)
    for found, wanted in zip(decoded(ours, encoded, 6), decoded(theirs, expected, 6), strict=True):
        assert len(wanted) > 0
        assert [(t.text, t.start, t.end) for t in found] == [(t.text, t.start, t.end) for t in wanted]
        assert [t.logprob for t in found] == pytest.approx([t.logprob for t in wanted], abs=2e-3)


def test_a_state_of_nemos_is_refused_and_not_misread(minute: Samples) -> None:
    ours, theirs = both(find("demo"))
    (frames,) = theirs.encode(chunks_of(minute, [4]))
    ((_, state),) = theirs.decode([Row(frames, None)])
    with pytest.raises(ValueError, match="another engine"):
        ours.unpack(theirs.pack(state))


def test_bf16_is_as_near_to_fp32_as_nemos(minute: Samples) -> None:
    chunks = chunks_of(minute, [20, 20])
    exact = both(find("demo"))[1].encode(chunks)
    ours, theirs = (each.encode(chunks) for each in both(find("demo"), Dtype.BF16))
    mine, reference = (
        sum(float((a.encoded - b.encoded).square().sum()) for (a,), (b,) in zip(found, exact, strict=True))
        for found in (ours, theirs)
    )
    assert mine < 1.5 * reference


def test_int8_is_near_to_fp32_and_nearer_where_it_is_to_be_exact(minute: Samples) -> None:
    chunks = chunks_of(minute, [20, 9, 3.3])
    settings = RecognizerSettings(device="cpu", engine=EngineChoice.TORCH)
    exact = load_recognizer(find("demo"), replace(settings, dtype=Dtype.FP32)).encode(chunks)
    quantized = load_recognizer(find("demo"), replace(settings, dtype=Dtype.INT8))
    quick, careful = (
        sum(float((a.encoded - b.encoded).square().sum()) for (a,), (b,) in zip(found, exact, strict=True))
        / sum(float(b.encoded.square().sum()) for (b,) in exact)
        for found in (quantized.encode(chunks), quantized.encode(chunks, exactly=True))
    )
    assert careful < 0.5 * quick
    assert 1e-8 < quick < 0.03**2


def test_a_frame_in_int8_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    layer = quantized_layer(torch.randn(96, 64), torch.randn(96))
    loud, quiet = 100 * torch.randn(2, 5, 64), torch.randn(1, 5, 64)
    assert torch.equal(layer(torch.cat((loud, quiet)))[2:], layer(quiet))
    assert torch.equal(layer(torch.zeros(1, 1, 64))[0, 0], cast(torch.Tensor, layer.bias))


def test_int8_cuts_no_sum_off() -> None:
    """The largest weights and inputs of one sign: processors without VNNI add two products in 16 bits."""
    layer = quantized_layer(torch.full((16, 512), 3.0), None)
    for sign in (1.0, -1.0):
        assert layer(torch.full((4, 512), sign * 7.0)) == pytest.approx(sign * 3 * 7 * 512, rel=1e-5)


def quantized_layer(weight: torch.Tensor, bias: torch.Tensor | None) -> Int8Linear:
    layer = Int8Linear(weight.shape[1], weight.shape[0], bias is not None)
    weights = {"it.weight": weight} | ({} if bias is None else {"it.bias": bias})
    prepared = quantize(weights, frozenset(["it"]))
    layer.load_state_dict({name.removeprefix("it."): value for name, value in prepared.items()}, assign=True)
    layer.pack()
    return layer


def test_int8_is_for_our_network_on_a_cpu(minute: Samples) -> None:
    from parakeet_cli.transcription.pytorch.devices import choose_dtype

    with pytest.raises(ModelUnsupported, match="--engine torch"):
        load_recognizer(find("demo"), RecognizerSettings(device="cpu", dtype=Dtype.INT8, engine=EngineChoice.NEMO))
    with pytest.raises(DeviceUnavailable, match="--dtype fp16"):
        choose_dtype(Dtype.INT8, torch.device("cuda", 0))


def test_graphs_are_for_our_network_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = RecognizerSettings(device="cpu", cuda_graphs=True)
    with pytest.raises(DeviceUnavailable, match="--no-cuda-graphs"):
        load_recognizer(find("demo"), wanted)
    monkeypatch.setattr("parakeet_cli.transcription.nemo.load_modules", lambda *_: "theirs")
    monkeypatch.setattr("parakeet_cli.transcription.fastconformer.load_modules", lambda *_: "ours")

    def modules(settings: RecognizerSettings) -> object:
        return loading._modules(find("demo"), settings, torch.device("cuda", 0), torch.float16)

    assert modules(RecognizerSettings()) == "theirs"
    assert modules(wanted) == "ours"
    with pytest.raises(ModelUnsupported, match="--engine torch"):
        modules(replace(wanted, engine=EngineChoice.NEMO))

    def unsupported(*_: object) -> None:
        raise ModelUnsupported("not this one")

    monkeypatch.setattr("parakeet_cli.transcription.fastconformer.load_modules", unsupported)
    with pytest.raises(ModelUnsupported, match="not this one"):
        modules(wanted)


@pytest.mark.parametrize("dtype", [Dtype.BF16, Dtype.INT8])
def test_a_large_checkpoint_is_converted_once_and_says_the_same(
    dtype: Dtype, small_replica: Checkpoint, minute: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAKEET_CACHE_DIR", str(tmp_path))
    chunks = chunks_of(minute, [9, 3])
    before = load_recognizer(small_replica, RecognizerSettings(device="cpu", dtype=dtype))
    monkeypatch.setattr("parakeet_cli.transcription.fastconformer.loading._WORTH_CONVERTING", 1000)
    load_recognizer(small_replica, RecognizerSettings(device="cpu", dtype=dtype))
    (conversion,) = conversions()
    monkeypatch.setattr("tarfile.open", None)  # the archive is read no more
    after = load_recognizer(small_replica, RecognizerSettings(device="cpu", dtype=dtype))
    for (mine,), (reference,) in zip(after.encode(chunks), before.encode(chunks), strict=True):
        assert np.array_equal(mine.encoded, reference.encoded)
    assert conversion.stat().st_size < small_replica.path.stat().st_size


def test_a_damaged_conversion_is_made_anew(
    small_replica: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAKEET_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("parakeet_cli.transcription.fastconformer.loading._WORTH_CONVERTING", 1000)
    load_recognizer(small_replica, RecognizerSettings(device="cpu"))
    (conversion,) = conversions()
    whole = conversion.read_bytes()
    for damage in (b"", whole[: len(whole) // 2], b"no safetensors" * 1000):
        conversion.write_bytes(damage)
        load_recognizer(small_replica, RecognizerSettings(device="cpu"))
        assert conversion.read_bytes() == whole


def test_a_cache_that_cannot_be_written_keeps_nobody_from_working(
    small_replica: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("PARAKEET_CACHE_DIR", str(blocked))
    monkeypatch.setattr("parakeet_cli.transcription.fastconformer.loading._WORTH_CONVERTING", 1000)
    assert load_recognizer(small_replica, RecognizerSettings(device="cpu")).model == "small"


def test_a_run_imports_neither_nemo_nor_the_compiler_of_torch() -> None:
    program = (
        "import sys, numpy; from parakeet_cli.transcription.checkpoints import find;"
        "from parakeet_cli.transcription.loading import load_recognizer; from parakeet_cli.settings import *;"
        "from parakeet_cli.transcription.chunking import Chunk, Span;"
        "from parakeet_cli.transcription.recognizer import Row;"
        "model = load_recognizer(find('demo'), RecognizerSettings(device='cpu'));"
        "sound = numpy.random.default_rng(0).standard_normal(32_000, numpy.float32);"
        "(frames,) = model.encode([Chunk(sound, Span(0, 0, 32_000, 32_000), 0)]);"
        "model.decode([Row(frames, None)]);"
        "print(sorted({'nemo', 'lightning', 'transformers', 'torch._dynamo', 'sympy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_checkpoint_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        load_recognizer(Checkpoint("gone", tmp_path / "gone.nemo"), RecognizerSettings(device="cpu"))


def test_rows_together_as_on_a_card_are_what_they_are_one_by_one(
    minute: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Padded to the longest, with the distances of many frames at a time; the rows are of unlike length."""
    ours = load_recognizer(find("demo"), RecognizerSettings(device="cpu", dtype=Dtype.FP32, engine=EngineChoice.TORCH))
    features, lengths = ours.features(chunks_of(minute, [20, 7, 13.3]))
    network = cast(Encoder, ours._modules.encoder)
    with torch.inference_mode():
        apart, counts = network(features, lengths)
        monkeypatch.setitem(layer._FRAMES_AT_ONCE, "cpu", 1024)
        together, same_counts = network._encode_together(features, lengths, lambda module, *inputs: module(*inputs))
    assert counts.tolist() == same_counts.tolist()
    assert len(set(counts.tolist())) == 3
    for one, other, count in zip(apart, together, counts.tolist(), strict=True):
        assert torch.allclose(one[:count], other[:count], atol=1e-4)


def test_the_shape_that_costs_are_counted_with_is_the_replicas() -> None:
    """NeMo adds the class, the tokenizer's file and the number of pieces when it builds the model."""
    config = _config("", Shape()) | {"target": "EncDecRNNTBPEModel", "tokenizer": {"model_path": "", "type": "bpe"}}
    config["joint"] = config["joint"] | {"num_classes": FULL_SIZE.pieces}
    assert describe(config) == FULL_SIZE
