"""The real process with the recognizer that hears beeps."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineFailed, ModelCorrupt, NotMedia
from parakeet_cli.settings import (
    SAMPLE_RATE,
    ChunkSettings,
    DecodingSettings,
    LifecycleSettings,
    TranscriptionSettings,
)
from parakeet_cli.transcription.checkpoints import find
from parakeet_cli.transcription.engine import Ended, Ready, Saved
from parakeet_cli.transcription.engine.process import EngineProcess, side_by_side
from parakeet_cli.transcription.events import Failed, Finished, Progress, Recording, Started
from parakeet_cli.transcription.media.inputs import DescriptorMedia, FileMedia, UrlMedia
from parakeet_cli.transcription.media.media_file import open_media
from parakeet_cli.transcription.media.probe import AudioTrack, MediaInfo, Probed
from parakeet_cli.transcription.pipeline import Transcriber
from tests.conftest import ROOT
from tests.engines import Listener, beeping, children, eventually, is_alive
from tests.fakes import WORDS, BeepRecognizer, beeps, for_ffmpeg, write_wav

SPEECH = ROOT / "tests/data/demo/one-two-three.flac"


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "beeps.wav", beeps(["one", "two", "three"]))


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[EngineProcess, Listener]]]:
    """Starts engines with faults, and closes them at the end."""
    started: list[tuple[EngineProcess, Listener]] = []

    def start_one(
        lifecycle: LifecycleSettings | None = None, settings: TranscriptionSettings | None = None, **faults: str
    ) -> tuple[EngineProcess, Listener]:
        for name, value in faults.items():
            monkeypatch.setenv(name, value)
        listener = Listener()
        started.append((beeping(listener, lifecycle, settings), listener))
        return started[-1]

    yield start_one
    for engine, listener in started:
        engine.close()
        if not any(isinstance(told, Ended) for told in listener.told):
            listener.until(Ended)
    assert not engines()


Start = Callable[..., tuple[EngineProcess, Listener]]


def engines() -> list[int]:
    return [process for process, line in children().items() if "beeping_engine" in line]


def test_a_descriptor_and_a_path_are_transcribed_by_one_engine(start: Start, wav: Path) -> None:
    engine, listener = start()
    with wav.open("rb") as file:
        file.seek(17)
        engine.transcribe(Recording(4, DescriptorMedia(file.fileno(), "upload.wav")))
        engine.transcribe(Recording(5, FileMedia(wav)))
        assert listener.until(Ready) == Ready("beeps", "en", "cpu")
        finished = [listener.until(Finished), listener.until(Finished)]
        assert file.tell() == 17  # the engine reads with an offset of its own
    assert {each.recording for each in finished} == {4, 5}
    assert {each.transcript.text for each in finished} == {"one two three"}
    told = [type(each) for each in listener.told if getattr(each, "recording", None) == 4]
    assert (told[0], set(told[1:-1]), told[-1]) == (Started, {Progress}, Finished)


def test_the_owner_may_close_a_descriptor_as_soon_as_it_is_given(start: Start, wav: Path, tmp_path: Path) -> None:
    engine, listener = start()
    with wav.open("rb") as file:
        engine.transcribe(Recording(1, DescriptorMedia(file.fileno(), "upload.wav")))
    other = write_wav(tmp_path / "other.wav", beeps(["nine"]))
    with other.open("rb"):  # has the number that the first had here
        assert listener.until(Finished, 1).transcript.text == "one two three"


def test_a_transcript_is_the_one_that_this_process_would_make(start: Start, tmp_path: Path) -> None:
    words = [WORDS[i * 7 % 10] for i in range(300)]
    file = FileMedia(write_wav(tmp_path / "long.wav", beeps(words)))
    engine, listener = start()
    engine.transcribe(Recording(1, file))
    ours = list(Transcriber(BeepRecognizer(), TranscriptionSettings()).transcribe([Recording(0, file)]))[-1]
    theirs = listener.until(Finished)
    assert isinstance(ours, Finished)
    assert theirs.transcript == ours.transcript
    assert [word.tokens for word in theirs.transcript.words] == [word.tokens for word in ours.transcript.words]
    told = [word.text for event in listener.told if isinstance(event, Progress) for word in event.words]
    assert told == words


def test_a_long_recording_goes_on_in_another_engine_of_the_same_settings(start: Start, tmp_path: Path) -> None:
    words = [WORDS[i * 7 % 10] for i in range(320)]
    file = FileMedia(write_wav(tmp_path / "long.wav", beeps(words, pause=1.76)))  # no chunk ends in a word
    whole = list(Transcriber(BeepRecognizer(), TranscriptionSettings()).transcribe([Recording(0, file)]))[-1]
    first, listener = start(BEEP_SECONDS="0.2")
    first.transcribe(Recording(1, file))
    savepoints = [listener.until(Saved).savepoint for _ in range(2)]
    first.close()
    tokens = savepoints[0].tokens[: savepoints[1].kept] + savepoints[1].tokens
    savepoint = replace(savepoints[1], kept=0, tokens=tokens)
    second, listener = start()
    second.transcribe(Recording(2, file), savepoint)
    assert listener.until(Started).resumed_at == savepoint.position / SAMPLE_RATE > 0
    rest = listener.until(Finished).transcript
    assert isinstance(whole, Finished)
    assert rest == whole.transcript
    assert [word.tokens for word in rest.words] == [word.tokens for word in whole.transcript.words]
    assert [word.text for event in listener.told if isinstance(event, Progress) for word in event.words] == words
    other, listener = start(settings=TranscriptionSettings(chunks=ChunkSettings(chunk_seconds=20.0)))
    other.transcribe(Recording(3, file), savepoint)
    assert listener.until(Started).resumed_at == 0.0


def test_what_is_known_of_a_file_of_endless_titles_is_found_out_again(start: Start, wav: Path) -> None:
    with open_media(FileMedia(wav)) as file:
        state = file.state
    endless = Probed(state, MediaInfo(1.5, (AudioTrack(0, 0, None, "pcm", True, "x" * 1_000_000),)))
    engine, listener = start()
    engine.transcribe(Recording(1, FileMedia(wav), probed=endless))  # it would not fit into the socket
    assert listener.until(Finished).transcript.text == "one two three"


def test_what_is_no_media_fails_alone(start: Start, wav: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("hello " * 100)
    engine, listener = start()
    engine.transcribe(Recording(1, FileMedia(text)))
    engine.transcribe(Recording(2, FileMedia(wav)))
    assert listener.until(Finished).recording == 2
    failed = listener.until(Failed)
    assert (failed.recording, type(failed.error)) == (1, NotMedia)


def test_the_settings_reach_the_engine(start: Start, wav: Path) -> None:
    engine, listener = start(settings=TranscriptionSettings(decoding=DecodingSettings(end=0.5)))
    engine.transcribe(Recording(1, FileMedia(wav)))
    assert listener.until(Finished).transcript.text == "one"
    engine.transcribe(Recording(2, FileMedia(wav), start=0.5, end=0.9))
    assert listener.until(Finished, 2).transcript.text == "two"


def test_what_is_cancelled_is_told_no_more_and_others_go_on(start: Start, wav: Path, tmp_path: Path) -> None:
    long = write_wav(tmp_path / "long.wav", beeps(["four"] * 600))
    engine, listener = start(BEEP_SECONDS="0.3")
    engine.transcribe(Recording(1, FileMedia(long)))
    listener.until(Started, 1)
    engine.cancel(1)
    with wav.open("rb") as file:
        engine.transcribe(Recording(2, DescriptorMedia(file.fileno(), "a")))
        engine.cancel(2)
        engine.transcribe(Recording(3, DescriptorMedia(file.fileno(), "b")))
    assert listener.until(Finished).recording == 3


def test_what_is_cancelled_while_the_model_loads_never_begins(start: Start, wav: Path) -> None:
    engine, listener = start(BEEP_LOAD_SECONDS="1")
    engine.transcribe(Recording(1, FileMedia(wav)))
    engine.cancel(1)
    engine.transcribe(Recording(2, FileMedia(wav)))
    listener.until(Finished, 2)
    assert 1 not in {getattr(told, "recording", None) for told in listener.told}


def test_an_engine_that_is_closed_is_gone_before_it_says_so(start: Start, wav: Path) -> None:
    engine, listener = start(BEEP_SECONDS="60")
    engine.transcribe(Recording(1, FileMedia(wav)))
    listener.until(Started)
    (process,) = engines()
    engine.close()
    assert listener.until(Ended) == Ended(None)
    assert not is_alive(process)
    engine.transcribe(Recording(2, FileMedia(wav)))  # nothing happens
    engine.cancel(1)
    engine.close()


def test_an_engine_does_not_hear_the_terminals_signals(start: Start, wav: Path) -> None:
    engine, listener = start()
    listener.until(Ready)
    (process,) = engines()
    assert os.getsid(process) != os.getsid(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # systemd and others send it to all processes
        os.kill(process, number)
    engine.transcribe(Recording(1, FileMedia(wav)))
    listener.until(Finished)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("exit@1", "exit code 7"),
        ("segv@1", "SIGSEGV"),
        ("kill@1", "SIGKILL, as when memory runs out"),
        ("raise@1", "exit code 1"),
        ("memory@1", "ran out of memory"),
        ("babble@1", "nobody understands"),
        ("exit@0", "exit code 7"),
    ],
)
def test_an_engine_that_breaks_says_how(start: Start, wav: Path, fault: str, says: str) -> None:
    engine, listener = start(BEEP_FAULT=fault)
    engine.transcribe(Recording(1, FileMedia(wav)))
    error = listener.until(Ended).error
    assert isinstance(error, EngineFailed)
    assert says in str(error)
    assert not engines()


def test_the_last_words_of_an_engine_are_in_the_log(start: Start, wav: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine, listener = start(BEEP_FAULT="raise@1")
    engine.transcribe(Recording(1, FileMedia(wav)))
    listener.until(Ended)
    assert "a bug (so the test wants it)" in caplog.text


def test_what_an_engine_logs_is_in_the_log_of_its_door(
    start: Start, wav: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine, listener = start(BEEP_FAULT="warn@1")
    engine.transcribe(Recording(1, FileMedia(wav)))
    listener.until(Finished)
    assert "half as large (so the test wants it)" in caplog.messages[0]


def test_a_model_that_cannot_be_loaded_is_told_by_its_own_error(start: Start) -> None:
    _, listener = start(BEEP_FAULT="model@0")
    assert isinstance(listener.until(Ended).error, ModelCorrupt)


def test_a_command_that_is_not_there_is_an_engine_that_failed() -> None:
    listener = Listener()
    EngineProcess(listener, find("demo"), TranscriptionSettings(), LifecycleSettings(), ["/nowhere/python"])
    error = listener.until(Ended).error
    assert isinstance(error, EngineFailed)
    assert "No such file" in str(error)


def test_an_engine_that_is_stopped_is_killed_when_its_heart_does_not_beat(start: Start, wav: Path) -> None:
    engine, listener = start(LifecycleSettings(heartbeat_seconds=2.5), BEEP_FAULT="stop@1")
    engine.transcribe(Recording(1, FileMedia(wav)))
    assert "no sign of life for 2.5 s" in str(listener.until(Ended).error)
    assert not engines()


def test_an_engine_that_hangs_in_a_batch_is_killed(start: Start, wav: Path) -> None:
    engine, listener = start(LifecycleSettings(hang_seconds=1.5), BEEP_FAULT="hang@1")
    engine.transcribe(Recording(1, FileMedia(wav)))
    assert "hung for" in str(listener.until(Ended).error)
    assert not engines()


def test_an_engine_that_was_always_slow_does_not_hang(start: Start, wav: Path) -> None:
    engine, listener = start(LifecycleSettings(hang_seconds=1.0), BEEP_SECONDS="0.2")
    for number in range(3):
        engine.transcribe(Recording(number, FileMedia(wav)))
        listener.until(Finished, number)


def test_an_engine_that_loads_for_too_long_is_killed(start: Start) -> None:
    _, listener = start(LifecycleSettings(load_seconds=1.0), BEEP_LOAD_SECONDS="60")
    assert "did not load the model within 1 s" in str(listener.until(Ended).error)
    assert not engines()


def test_an_engine_that_takes_no_orders_is_stopped(start: Start, wav: Path) -> None:
    engine, listener = start()
    listener.until(Ready)
    (process,) = engines()
    os.kill(process, signal.SIGSTOP)
    begun = time.monotonic()
    for number in range(50_000):
        engine.transcribe(Recording(number, FileMedia(wav)))
    assert time.monotonic() - begun < 20  # it never blocked
    assert "did not take its orders" in str(listener.until(Ended).error)


def test_an_engine_is_given_nothing_that_it_would_have_to_fetch(start: Start) -> None:
    engine, _ = start()
    with pytest.raises(TypeError):
        engine.transcribe(Recording(1, UrlMedia("http://127.0.0.1/talk.mp3")))


def test_secrets_and_switches_do_not_reach_the_engine(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "PARAKEET_API_KEYS", "HF_TOKEN", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
        monkeypatch.setenv(name, "x")
    _, listener = start()
    listener.until(Ready)
    (process,) = engines()
    names = {entry.partition(b"=")[0] for entry in Path(f"/proc/{process}/environ").read_bytes().split(b"\0")}
    assert not names & {b"API_KEY", b"PARAKEET_API_KEYS", b"HF_TOKEN", b"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"}
    assert names >= {b"TORCH_FORCE_WEIGHTS_ONLY_LOAD", b"HF_HUB_OFFLINE", b"PATH"}


def test_an_engine_has_as_many_descriptors_after_forty_uploads_as_before(start: Start, wav: Path) -> None:
    engine, listener = start()
    listener.until(Ready)
    (process,) = engines()

    def transcribe(numbers: range) -> None:
        for number in numbers:
            with wav.open("rb") as file:
                engine.transcribe(Recording(number, DescriptorMedia(file.fileno(), "upload")))
            if number % 3 == 0:
                engine.cancel(number)
        finished = [number for number in numbers if number % 3]
        for _ in finished:
            assert listener.until(Finished).recording in finished

    transcribe(range(1, 3))
    descriptors = Path(f"/proc/{process}/fd")
    eventually(lambda: not children(process))
    before = len(list(descriptors.iterdir()))
    transcribe(range(3, 41))
    eventually(lambda: not children(process) and len(list(descriptors.iterdir())) <= before)


def test_killed_parents_take_their_engine_and_its_ffmpeg_along(tmp_path: Path) -> None:
    long = for_ffmpeg(write_wav(tmp_path / "long.wav", beeps(["four"] * 3_000)))
    script = (
        "import sys, time, pathlib\n"
        "from tests.engines import beeping\n"
        "from parakeet_cli.transcription.events import Recording\n"
        "from parakeet_cli.transcription.media.inputs import FileMedia\n"
        "engine = beeping(lambda told: print(type(told).__name__, flush=True))\n"
        "engine.transcribe(Recording(1, FileMedia(pathlib.Path(sys.argv[1]))))\n"
        "time.sleep(1000)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT), "BEEP_SECONDS": "1000"}
    with subprocess.Popen([sys.executable, "-c", script, long], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert any(line == b"Started\n" for line in parent.stdout)
        (engine,) = children(parent.pid)
        eventually(lambda: children(engine))
        (ffmpeg,) = children(engine)
        parent.kill()
    eventually(lambda: not is_alive(engine) and not is_alive(ffmpeg), seconds=10)


def test_a_killed_engine_takes_its_ffmpeg_along(start: Start, tmp_path: Path) -> None:
    long = for_ffmpeg(write_wav(tmp_path / "long.wav", beeps(["four"] * 3_000)))
    engine, listener = start(BEEP_SECONDS="1000")
    engine.transcribe(Recording(1, FileMedia(long)))
    listener.until(Started)
    (process,) = engines()
    eventually(lambda: children(process))
    (ffmpeg,) = children(process)
    os.kill(process, signal.SIGKILL)
    listener.until(Ended)
    eventually(lambda: not is_alive(ffmpeg), seconds=10)


def test_whoever_starts_an_engine_imports_neither_torch_nor_nemo() -> None:
    script = (
        "import sys\n"
        "import parakeet_cli.server.desk\n"
        "import parakeet_cli.transcription.engine.process\n"
        "print([name for name in ('torch', 'nemo', 'lightning', 'omegaconf') if name in sys.modules])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert out.stdout == "[]\n"


@pytest.mark.model
def test_the_demo_checkpoint_in_its_own_process_hears_what_it_hears_in_this_one() -> None:
    from parakeet_cli.transcription.loading import load_recognizer

    checkpoint, settings = find("demo"), TranscriptionSettings()
    listener = Listener()
    lifecycle = LifecycleSettings()
    engine = EngineProcess(listener, checkpoint, side_by_side(settings, lifecycle), lifecycle)
    with SPEECH.open("rb") as file:
        engine.transcribe(Recording(1, DescriptorMedia(file.fileno(), SPEECH.name)))
    theirs = listener.until(Finished).transcript
    engine.close()
    listener.until(Ended)
    recognizer = load_recognizer(checkpoint, settings.recognizer)
    ours = list(Transcriber(recognizer, settings).transcribe([Recording(0, FileMedia(SPEECH))]))[-1]
    assert isinstance(ours, Finished)
    assert theirs == ours.transcript
    assert theirs.text == "One, two three"
    assert [word.tokens for word in theirs.words] == [word.tokens for word in ours.transcript.words]
