"""``parakeet transcribe`` as a user starts it: inputs, outputs, options."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import srt
import webvtt

from parakeet_cli.output.writers import read_json
from tests.conftest import Command
from tests.fakes import beeps, silence, write_wav


def words_of(path: Path) -> list[str]:
    return [word.text for word in read_json(path.read_text()).words]


def test_a_recording_gets_subtitles_beside_it(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one", "two", "three"]))
    done = parakeet("transcribe", "talk.wav")
    assert done.returncode == 0, done.stderr
    (cue,) = srt.parse((parakeet.folder / "talk.srt").read_text())
    assert cue.content == "one two three"
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("1 ok, 0 failed, 0 skipped · 0:01 of audio in ")


def encoded(log: Path) -> list[tuple[str, float, float]]:
    """Each chunk that the recognizer encoded: its recording, where it begins, and how much it hears, in seconds."""
    lines = [line.split() for line in log.read_text().splitlines()]
    return [(recording, float(begin), float(heard)) for recording, begin, heard in lines]


def test_all_formats_come_from_one_decode(parakeet: Command, tmp_path: Path) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one", "two", "three", "four"]))
    options = ("-f", "all", "-o", "out", "--chunk-seconds", "1", "--context-seconds", "0.08")
    done = parakeet("transcribe", "talk.wav", *options, environment={"BEEP_LOG": str(tmp_path / "log")})
    assert done.returncode == 0, done.stderr
    assert [begin for _, begin, _ in encoded(tmp_path / "log")] == [0.16, 1.2]
    out = parakeet.folder / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        f"talk.{name}" for name in ("json", "srt", "tsv", "txt", "vtt")
    ]
    assert (out / "talk.txt").read_text() == "one two three four\n"
    assert webvtt.read(str(out / "talk.vtt"))[0].text == "one two three four"
    transcript = json.loads((out / "talk.json").read_text())
    assert transcript["schema"] == 1
    assert transcript["duration"] == pytest.approx(1.76)
    assert transcript["rtfx"] > 0
    assert transcript["language"] == "en"
    assert [word["start"] for word in transcript["segments"][0]["words"]] == [0.16, 0.56, 0.96, 1.36]


def test_words_over_many_cuts_are_written_once(parakeet: Command) -> None:
    spoken = [["one", "two", "three", "four", "five", "six", "seven"][number * 5 % 7] for number in range(60)]
    write_wav(parakeet.folder / "talk.wav", beeps(spoken))
    done = parakeet("transcribe", "talk.wav", "-f", "json", "--chunk-seconds", "1", "--context-seconds", "0.2")
    assert done.returncode == 0, done.stderr
    assert words_of(parakeet.folder / "talk.json") == spoken


def test_a_tree_is_mirrored(parakeet: Command) -> None:
    for name in ("lectures/a.wav", "lectures/week 2/b.wav", "lectures/week 2/deep/c.wav"):
        path = parakeet.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, beeps(["one"]))
    (parakeet.folder / "lectures/notes.txt").write_text("not media")
    assert parakeet("transcribe", "lectures/", "-r", "-f", "srt,txt", "-o", "out/").returncode == 0
    found = sorted(str(path.relative_to(parakeet.folder / "out")) for path in (parakeet.folder / "out").rglob("*.*"))
    assert found == sorted(f"{stem}.{name}" for stem in ("a", "week 2/b", "week 2/deep/c") for name in ("srt", "txt"))


def test_stdin_of_any_codec_goes_to_stdout(parakeet: Command, ffmpeg: str, tmp_path: Path) -> None:
    wav = write_wav(tmp_path / "call.wav", beeps(["four", "two"]))
    made = subprocess.run(
        [ffmpeg, "-v", "error", "-i", wav, "-c:a", "libvorbis", "-f", "ogg", "-"], capture_output=True, check=True
    )
    done = parakeet("transcribe", "-", "-o", "-", "-f", "txt", stdin=made.stdout)
    assert (done.returncode, done.stdout) == (0, "four two\n"), done.stderr


def test_results_on_stdout_keep_the_order_of_the_inputs(parakeet: Command) -> None:
    for number, word in enumerate(("one", "two", "three", "four", "five", "six")):
        write_wav(parakeet.folder / f"{number}.wav", beeps([word] * (1 + number * 7 % 5 * 3)))
    inputs = [f"{number}.wav" for number in range(6)]
    done = parakeet("transcribe", *inputs, "-o", "-", "-f", "txt", "--batch-size", "2")
    assert done.stdout.split() == [
        word
        for number, word in enumerate(("one", "two", "three", "four", "five", "six"))
        for _ in range(1 + number * 7 % 5 * 3)
    ]


def test_a_full_disk_behind_stdout_is_one_sentence(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            parakeet.line("transcribe", "talk.wav", "-o", "-", "-f", "txt"),
            cwd=parakeet.folder,
            env=parakeet.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 7
    assert done.stderr.splitlines()[-1].startswith("parakeet: No space is left")


def test_an_address_that_is_none_stops_nothing(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    (parakeet.folder / "list.txt").write_bytes("http://127.0.0.1/café.mp3\n".encode("latin-1"))
    done = parakeet("transcribe", "http://[x/a.mp3", "@list.txt", "talk.wav", "-f", "txt")
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert done.stderr.count("cannot be read; check it") == 2
    assert (parakeet.folder / "talk.txt").read_text() == "one\n"


def test_a_pattern_may_lead_through_a_link(parakeet: Command, tmp_path: Path) -> None:
    (parakeet.folder / "clips").mkdir()
    (tmp_path / "elsewhere").mkdir()
    write_wav(tmp_path / "elsewhere" / "a.wav", beeps(["one"]))
    (parakeet.folder / "clips" / "x").symlink_to(tmp_path / "elsewhere")
    done = parakeet("transcribe", "clips/*/a.wav", "-o", "out", "-f", "txt")
    assert done.returncode == 0, done.stderr
    assert (parakeet.folder / "out" / "a.txt").read_text() == "one\n"


def test_lists_globs_and_urls_are_inputs(parakeet: Command, tmp_path: Path) -> None:
    (parakeet.folder / "clips").mkdir()
    for name, word in (("listed.wav", "one"), ("clips/a.wav", "two"), ("clips/b.wav", "three"), ("ep1.wav", "four")):
        write_wav(parakeet.folder / name, beeps([word]))
    (parakeet.folder / "list.txt").write_text("# mine\nlisted.wav\n\n")
    served = (parakeet.folder / "ep1.wav").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(served)))
            self.end_headers()
            self.wfile.write(served)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/ep1.wav?token=x"
        done = parakeet("transcribe", "@list.txt", "clips/*.wav", url, "-f", "txt", "-o", "out")
        server.shutdown()
    assert done.returncode == 0, done.stderr
    texts = {path.name: path.read_text().strip() for path in (parakeet.folder / "out").iterdir()}
    assert texts == {"listed.txt": "one", "a.txt": "two", "b.txt": "three", "ep1.txt": "four"}


def test_an_excerpt_keeps_the_times_of_the_whole(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one", "two", "three", "four", "five", "six"]))
    done = parakeet("transcribe", "talk.wav", "-f", "json", "--start", "0.8", "--end", "00:00:01.6")
    assert done.returncode == 0, done.stderr
    words = read_json((parakeet.folder / "talk.json").read_text()).words
    assert [(word.text, word.start) for word in words] == [("three", 0.96), ("four", pytest.approx(1.36))]


@pytest.fixture
def two_tracks(parakeet: Command, ffmpeg: str) -> Path:
    first, second = (write_wav(parakeet.folder / f"{word}.wav", beeps([word])) for word in ("one", "two"))
    film = parakeet.folder / "film.mkv"
    subprocess.run(
        [
            *(ffmpeg, "-v", "error", "-i", first, "-i", second, "-map", "0", "-map", "1", "-c:a", "flac"),
            *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=jpn", film),
        ],
        check=True,
    )
    first.unlink()
    second.unlink()
    return film


@pytest.mark.parametrize(("track", "word"), [("1", "one"), ("2", "two"), ("jpn", "two"), ("en", "one")])
def test_a_track_is_chosen_by_number_or_language(parakeet: Command, two_tracks: Path, track: str, word: str) -> None:
    done = parakeet("transcribe", two_tracks, "-o", "-", "-f", "txt", "--track", track)
    assert done.stdout == f"{word}\n", done.stderr


def test_all_tracks_get_an_output_each(parakeet: Command, two_tracks: Path) -> None:
    done = parakeet("transcribe", "film.mkv", "--track", "all", "-f", "txt")
    assert done.returncode == 0, done.stderr
    assert (parakeet.folder / "film.a1.txt").read_text() == "one\n"
    assert (parakeet.folder / "film.a2.txt").read_text() == "two\n"


def test_a_file_with_several_tracks_says_which_is_used(parakeet: Command, two_tracks: Path) -> None:
    done = parakeet("transcribe", "film.mkv")
    assert "film.mkv: 2 tracks, using #1" in done.stderr
    done = parakeet("transcribe", "film.mkv", "--track", "9", "--overwrite")
    assert done.returncode == 3
    assert "no_such_track" in done.stderr


def test_options_come_from_the_environment_too(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    done = parakeet(
        "transcribe",
        "talk.wav",
        environment={"PARAKEET_FORMAT": "txt", "PARAKEET_OUTPUT": "elsewhere", "PARAKEET_QUIET": "1"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (parakeet.folder / "elsewhere/talk.txt").read_text() == "one\n"


@pytest.mark.parametrize(
    ("minutes", "options", "heard"),
    [
        (None, (), [34, 34]),
        ("0.05", (), [7] * 19),
        ("10", (), [59.5]),
        ("0.05", ("--chunk-seconds", "24"), [28, 28, 28]),
        ("10", ("--chunk-seconds", "24"), [28, 28, 28]),
    ],
)
def test_the_original_services_chunk_minutes_are_understood(
    parakeet: Command, tmp_path: Path, minutes: str | None, options: tuple[str, ...], heard: list[int]
) -> None:
    """A chunk hears 2 s of context on both sides; ``--chunk-seconds`` wins over ``CHUNK_MINITE``."""
    write_wav(parakeet.folder / "talk.wav", beeps(["one"] * 149))  # 59.5 s between digital silence
    environment = {"BEEP_LOG": str(tmp_path / "log")} | ({"CHUNK_MINITE": minutes} if minutes else {})
    done = parakeet("transcribe", "talk.wav", *options, environment=environment)
    assert done.returncode == 0, done.stderr
    assert [length for _, _, length in encoded(tmp_path / "log")] == pytest.approx(heard, abs=0.2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "pdf"], "'pdf' is none of"),
        (["--format", ","], "name at least one"),
        (["--start", "later"], "no time"),
        (["--start", "5", "--end", "2"], "--end must lie after --start"),
        (["--batch-size", "0"], "neither auto nor a number"),
        (["--track", "0"], "count from 1"),
        (["--preset", "imax"], "'imax' is none of"),
        (["-f", "srt,txt", "-o", "-"], "one format"),
        (["--dtype", "int3"], "dtype"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2_with_a_sentence(
    parakeet: Command, arguments: list[str], said: str
) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one"]))
    done = parakeet("transcribe", "talk.wav", *arguments, environment={"COLUMNS": "200", "TERM": "dumb"})
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_events_are_one_json_object_a_line(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one", "two"]))
    done = parakeet("transcribe", "talk.wav", "missing.wav", "--log-format", "json")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["event"] for event in events] == ["failed", "loading", "started", "progress", "finished", "summary"]
    assert events[0]["code"] == "not_found"
    finished = events[4]
    assert finished["words"] == 2
    assert finished["outputs"] == [str(parakeet.folder / "talk.srt")]
    assert events[-1] | {"wall_seconds": 0, "rtfx": 0} == {
        "event": "summary",
        "done": 1,
        "failed": 1,
        "skipped": 0,
        "partial": 0,
        "gaps": 0,
        "gap_seconds": 0.0,
        "audio_seconds": 0.96,
        "wall_seconds": 0,
        "rtfx": 0,
    }


def test_silence_gives_valid_empty_outputs(parakeet: Command) -> None:
    write_wav(parakeet.folder / "quiet.wav", silence(3))
    assert parakeet("transcribe", "quiet.wav", "-f", "all").returncode == 0
    assert list(srt.parse((parakeet.folder / "quiet.srt").read_text())) == []
    assert len(webvtt.read(str(parakeet.folder / "quiet.vtt"))) == 0
    assert json.loads((parakeet.folder / "quiet.json").read_text())["segments"] == []


def test_audio_under_80_milliseconds_is_an_error(parakeet: Command) -> None:
    write_wav(parakeet.folder / "click.wav", silence(0.05))
    done = parakeet("transcribe", "click.wav")
    assert done.returncode == 3
    assert "audio_too_short" in done.stderr


def test_a_preset_shapes_the_cues(parakeet: Command) -> None:
    write_wav(parakeet.folder / "talk.wav", beeps(["one", "two", "three", "four", "five", "six", "seven"] * 4))
    assert parakeet("transcribe", "talk.wav", "--preset", "shorts").returncode == 0
    cues = list(srt.parse((parakeet.folder / "talk.srt").read_text()))
    assert all("\n" not in cue.content and len(cue.content) <= 20 for cue in cues)
    assert " ".join(cue.content for cue in cues) == " ".join(
        ["one", "two", "three", "four", "five", "six", "seven"] * 4
    )
