"""The command itself: help, version, completion, quietness, and errors that end it."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parakeet_cli.cli.bench import bench
from parakeet_cli.cli.eval import evaluate
from parakeet_cli.cli.transcribe import transcribe
from tests.conftest import ROOT, Command
from tests.fakes import beeps, write_wav

ONE_TWO_THREE = ROOT / "tests/data/demo/one-two-three.flac"


def real(parakeet: Command, *arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """With NeMo, not with the recognizer that hears beeps."""
    return subprocess.run(
        [sys.executable, "-m", "parakeet_cli", *arguments],
        cwd=parakeet.folder,
        env=parakeet.environment | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["transcribe", "--help"],
        ["eval", "--help"],
        ["bench", "--help"],
        ["models", "--help"],
        ["doctor", "--help"],
        ["--version"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    heavy = {"torch", "nemo", "flask", "lightning", "huggingface_hub", "numpy", "omegaconf"}
    heavy |= {"kaldialign", "whisper_normalizer", "yaml", "imageio_ffmpeg"}
    code = (
        "import sys\nfrom parakeet_cli.cli.main import main\n"
        f"sys.argv = ['parakeet', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code in (0, None)\n"
        f"loaded = {heavy!r} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_help_has_examples_and_names_every_command(parakeet: Command) -> None:
    shown = real(parakeet, "--help").stdout
    assert "Examples" in shown
    assert "parakeet transcribe talk.mp4" in shown
    assert all(command in shown for command in ("transcribe", "eval", "bench", "models", "doctor"))
    assert "Examples" in real(parakeet, "transcribe", "--help").stdout


@pytest.mark.parametrize("command", [transcribe, evaluate, bench])
def test_every_option_has_a_variable_of_its_own(command: Callable[..., None]) -> None:
    options = [
        note.__metadata__[0]
        for name, note in command.__annotations__.items()
        if name not in ("context", "inputs", "sources", "file", "return")
    ]
    variables = [option.envvar for option in options]
    assert all(variables)
    assert len(set(variables)) == len(variables)
    assert {name for name in variables if not name.startswith("PARAKEET_")} == {"CHUNK_MINITE"}


def test_the_version_is_the_packages(parakeet: Command) -> None:
    from parakeet_cli import __version__

    assert real(parakeet, "--version").stdout == f"parakeet {__version__}\n"


def test_the_shell_can_complete(parakeet: Command) -> None:
    """As bash asks; which shell it is cannot be found where none is among the ancestors, as in some CI."""
    asks = {"_PARAKEET_COMPLETE": "complete_bash", "COMP_WORDS": "parakeet tra", "COMP_CWORD": "1"}
    program = "import sys; from parakeet_cli.cli.main import main; sys.argv = ['parakeet']; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], env=parakeet.environment | asks, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "transcribe"), done.stderr


@pytest.mark.model
def test_the_demo_checkpoint_recognizes_a_real_recording_and_nothing_else_is_printed(parakeet: Command) -> None:
    done = real(parakeet, "transcribe", ONE_TWO_THREE, "-f", "json", "-o", "-", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    transcript = json.loads(done.stdout)
    words = transcript["text"].lower().replace(".", "").replace(",", "")
    assert words == "one two three"
    confidence = [word["confidence"] for segment in transcript["segments"] for word in segment["words"]]
    assert all(0.5 < value <= 1 for value in confidence)
    assert len(set(confidence)) > 1


@pytest.mark.model
@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_the_words_are_the_same_with_one_thread_and_with_several(parakeet: Command, dtype: str) -> None:
    """With several, rows of a batch are encoded side by side, and the next batch while the one before is decoded."""
    from benchmarks.recordings import DEFAULT_FOLDER, load_clips, make_recording

    write_wav(parakeet.folder / "minute.wav", make_recording(60, 3, load_clips(DEFAULT_FOLDER), style="mixed").samples)
    chunks = ("--chunk-seconds", "5", "--context-seconds", "1", "--batch-size", "4", "--dtype", dtype)
    written = []
    for threads in ("1", "4"):
        options = ("transcribe", "minute.wav", "-f", "srt", "-o", "-", "--quiet", *chunks)
        done = real(parakeet, *options, OMP_NUM_THREADS=threads)
        assert done.returncode == 0, done.stderr
        written.append(done.stdout)
    assert written[0] == written[1]
    assert written[0].count("-->") > 5


@pytest.mark.model
def test_a_checkpoint_packed_with_gzip_recognizes_if_it_is_allowed(parakeet: Command) -> None:
    legacy = parakeet.folder / "old.nemo"
    legacy.write_bytes(gzip.compress((ROOT / "models/parakeet-tdt-demo.nemo").read_bytes(), compresslevel=1))
    done = real(parakeet, "transcribe", ONE_TWO_THREE, "-o", "-", "-f", "txt", "--model", legacy, "--allow-legacy")
    assert done.returncode == 0, done.stderr
    assert done.stdout.lower().replace(",", "").replace(".", "") == "one two three\n"


@pytest.mark.model
def test_nemo_talks_when_it_is_asked_to(parakeet: Command) -> None:
    done = real(parakeet, "transcribe", ONE_TWO_THREE, "-o", "-", "--verbose", "--engine", "nemo")
    assert done.returncode == 0
    assert "NeMo" in done.stderr
    assert "NeMo" not in done.stdout


def test_a_model_that_is_not_here_is_one_sentence_and_exit_code_5(parakeet: Command, tmp_path: Path) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    empty = {"PARAKEET_CACHE_DIR": str(tmp_path / "cache"), "HF_HOME": str(tmp_path / "hf")}
    done = parakeet("transcribe", "talk.wav", "--model", "parakeet-tdt-0.6b-v2", environment=empty)
    assert done.returncode == 5
    assert "parakeet models download" in done.stderr
    assert str(tmp_path / "cache") in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_ends_a_run_is_an_event_too(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    done = parakeet(
        "transcribe", "talk.wav", "--log-format", "json", environment={"PARAKEET_FFMPEG": "/nowhere/ffmpeg"}
    )
    assert done.returncode == 6
    (event,) = (json.loads(line) for line in done.stderr.splitlines())
    assert (event["event"], event["code"], event["exit_code"]) == ("error", "ffmpeg_missing", 6)


def test_no_ffmpeg_is_found_before_anything_else_and_exit_code_6(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    done = parakeet("transcribe", "talk.wav", environment={"PARAKEET_FFMPEG": "/nowhere/ffmpeg"})
    assert done.returncode == 6
    assert "PARAKEET_FFMPEG" in done.stderr


@pytest.mark.model
@pytest.mark.parametrize("device", ["cuda", "cuda:7", "tpu"])
def test_a_device_that_is_not_here_is_exit_code_8(parakeet: Command, device: str) -> None:
    done = real(parakeet, "transcribe", ONE_TWO_THREE, "--device", device, CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 8
    assert done.stderr.splitlines()[-1].startswith("parakeet: ")
    assert "Traceback" not in done.stderr


def test_a_damaged_checkpoint_is_exit_code_5_without_a_traceback(parakeet: Command) -> None:
    (parakeet.folder / "mine.nemo").write_text("<!DOCTYPE html><title>Sign in</title>")
    done = real(parakeet, "transcribe", ONE_TWO_THREE, "--model", "mine.nemo", "-o", ".")
    assert done.returncode == 5
    assert "mine.nemo" in done.stderr
    assert "Traceback" not in done.stderr
