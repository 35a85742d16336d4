"""Weights that move into large pages: what is computed stays, and where they do not fit they stay too."""

import sys
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording
from parakeet_cli.settings import ChunkSettings, Dtype, EngineChoice, RecognizerSettings
from parakeet_cli.transcription.checkpoints import Checkpoint
from parakeet_cli.transcription.loading import load_recognizer
from parakeet_cli.transcription.pytorch import settling
from parakeet_cli.transcription.pytorch.memory import one_at_a_time
from parakeet_cli.transcription.pytorch.settling import settle
from parakeet_cli.transcription.recognizer import Row
from tests.fakes import cut

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process ask for large pages")


class Many(nn.Module):
    """Weights of many shapes and kinds, one of them in no order and one of them empty."""

    def __init__(self) -> None:
        super().__init__()
        self.large = nn.Linear(600, 500, dtype=torch.bfloat16)
        self.small = nn.LayerNorm(3)
        self.turned = nn.Parameter(torch.randn(5, 7).T)
        self.register_buffer("whole", torch.arange(7, dtype=torch.int8))
        self.register_buffer("single", torch.tensor(2.5))
        self.register_buffer("empty", torch.empty(0, 4))


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system with large pages and much memory, in files that a test may change."""
    for name, place, text in (
        ("_LARGE_PAGES", "enabled", "always [madvise] never\n"),
        ("_MEMORY", "meminfo", "MemTotal:  9000000 kB\nMemAvailable:    4000000 kB\n"),
        ("_GROUP", "cgroup", "5:cpu,cpuacct:/batch\n4:hugetlb,memory:/batch/job\n0::/user/this\n"),
        ("_GROUPS", "groups", None),
    ):
        if text:
            (tmp_path / place).write_text(text)
        monkeypatch.setattr(settling, name, tmp_path / place)
    (tmp_path / "groups/user/this").mkdir(parents=True)
    (tmp_path / "groups/memory/batch/job").mkdir(parents=True)
    return tmp_path


def test_weights_move_and_stay_what_they_are(system: Path) -> None:
    module = Many()
    before = {name: (value.clone(), value.data_ptr()) for name, value in module.state_dict().items()}
    assert len(list(settle(module))) == 6
    for name, value in module.state_dict().items():
        was, place = before[name]
        assert torch.equal(value, was)
        assert value.dtype == was.dtype
        assert (value.data_ptr() == place) == (name in ("turned", "empty"))
    assert module.large(torch.ones(2, 600, dtype=torch.bfloat16)).shape == (2, 500)


def test_pages_are_asked_for(system: Path) -> None:
    module = nn.Linear(2048, 2048)
    assert list(settle(module))
    lines = Path("/proc/self/smaps").read_text().splitlines()
    place = module.weight.data_ptr()
    flags, within = "", False
    for line in lines:
        first, _, rest = line.partition("-")
        if rest and all(letter in "0123456789abcdef" for letter in first):
            within = int(first, 16) <= place < int(rest.split()[0], 16)
        elif within and line.startswith("VmFlags"):
            flags = line
    assert " hg" in flags


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("enabled", "always madvise [never]\n"),
        ("enabled", None),
        ("meminfo", "MemAvailable:    1000 kB\n"),
        ("meminfo", None),
        ("groups/user/this/memory.max", "1000000"),
        ("groups/user/memory.max", "1000000"),
        ("groups/memory.max", "1000000"),
        ("groups/memory/memory.limit_in_bytes", "1000000"),
        ("groups/memory/batch/job/memory.limit_in_bytes", "1000000"),
        ("groups/memory/batch/memory.limit_in_bytes", "1000000"),
    ],
)
def test_nothing_moves_where_there_is_no_room(system: Path, place: str, text: str | None) -> None:
    if text is None:
        (system / place).unlink()
    else:
        (system / place).write_text(text)
    module = Many()
    where = module.large.weight.data_ptr()
    assert list(settle(module)) == []
    assert module.large.weight.data_ptr() == where


def test_files_that_the_system_keeps_are_room(system: Path) -> None:
    group = system / "groups/user/this"
    (group / "memory.max").write_text("3000000\n")
    (group / "memory.current").write_text("2500000\n")
    assert list(settle(Many())) == []
    (group / "memory.stat").write_text("anon 500000\nfile 2000000\ninactive_file 400000\nactive_file 400000\n")
    assert list(settle(Many()))


def test_no_limit_is_room(system: Path) -> None:
    (system / "groups/user/this/memory.max").write_text("max\n")
    (system / "groups/memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    (system / "groups/memory/memory.usage_in_bytes").write_text("2500000\n")
    assert list(settle(Many()))


def test_nothing_is_done_without_weights(system: Path) -> None:
    assert list(settle(nn.ReLU())) == []


@pytest.mark.model
def test_a_recognizer_hears_the_same_while_it_settles_and_afterwards(system: Path, demo: Checkpoint) -> None:
    recognizer = load_recognizer(demo, RecognizerSettings("cpu", Dtype.FP32, engine=EngineChoice.TORCH))
    samples = make_recording(4, 7, load_clips(DEFAULT_FOLDER), style="mixed").samples
    chunks = cut(samples, 0, ChunkSettings(4.0, 0.4), recognizer.frame_samples)

    def heard() -> tuple[torch.Tensor, list[str]]:
        ((*_, frames),) = recognizer.encode(chunks[:1])
        ((hypothesis, _),) = recognizer.decode([Row((frames,), None)])
        return frames.encoded, [token.text for token in hypothesis.tokens]

    frames, pieces = heard()
    assert len(pieces) > 3
    has_begun, rounds = threading.Event(), list[tuple[torch.Tensor, list[str]]]()

    def hear() -> None:
        while not rounds or not is_over.is_set():
            rounds.append(heard())
            has_begun.set()

    is_over = threading.Event()
    other = threading.Thread(target=hear)
    other.start()
    assert has_begun.wait(20)
    steps = sum(recognizer.settle())
    is_over.set()
    other.join()
    assert steps > 100
    for encoded, said in [*rounds, heard()]:
        torch.testing.assert_close(encoded, frames)
        assert said == pieces


@pytest.mark.model
def test_a_recognizer_that_encodes_does_not_settle_meanwhile(system: Path, demo: Checkpoint) -> None:
    recognizer = load_recognizer(demo, RecognizerSettings("cpu", Dtype.FP32, engine=EngineChoice.TORCH))
    steps = recognizer.settle()
    is_held, may_go = threading.Event(), threading.Event()

    def encode() -> None:
        with one_at_a_time:
            is_held.set()
            assert may_go.wait(20)

    other = threading.Thread(target=encode)
    other.start()
    assert is_held.wait(20)
    weights = recognizer._modules.encoder.state_dict().values()
    places = [weight.data_ptr() for weight in weights]
    assert [next(steps), next(steps)] == [False, False]
    assert [weight.data_ptr() for weight in recognizer._modules.encoder.state_dict().values()] == places
    may_go.set()
    other.join()
    assert all(steps)
    moved = recognizer._modules.encoder.state_dict().values()
    assert not {weight.data_ptr() for weight in moved} & set(places)


@pytest.mark.model
@pytest.mark.parametrize(
    "settings", [RecognizerSettings("cpu", Dtype.INT8), RecognizerSettings("cpu", engine=EngineChoice.NEMO)]
)
def test_others_have_nothing_to_settle(settings: RecognizerSettings, system: Path, demo: Checkpoint) -> None:
    assert list(load_recognizer(demo, settings).settle()) == []
