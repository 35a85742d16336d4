"""Texts beside media, and manifests."""

import json
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.errors import InputError, InvalidReference, MediaNotFound
from parakeet_cli.evaluation.references import Reference
from parakeet_cli.evaluation.sources import find_references
from parakeet_cli.transcript import Word
from parakeet_cli.transcription.media.inputs import FileMedia, Skipped


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"sound")


def found(*sources: str, recursive: bool = False) -> list[Reference | Skipped]:
    return list(find_references(sources, recursive=recursive))


def manifest(folder: Path, *lines: dict[str, Any] | str) -> str:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "set.jsonl").write_text(text + "\n", encoding="utf-8")
    return "set.jsonl"


def test_a_text_beside_a_media_file_is_its_reference(folder: Path) -> None:
    touch(folder, "set/a.wav", "set/b.mp3", "set/deep/c.wav")
    for name in ("a", "b", "deep/c"):
        (folder / f"set/{name}.txt").write_text(f"\ufeffthis is\n{name}\n", encoding="utf-8")
    references = found("set")
    assert [r.media.path.name for r in references if isinstance(r, Reference)] == ["a.wav", "b.mp3"]
    assert [r.text.split() for r in references if isinstance(r, Reference)] == [["this", "is", name] for name in "ab"]
    assert len(found("set", recursive=True)) == 3
    assert len(found("set", "set/a.wav", "set/*.wav")) == 2


def test_media_without_a_text_are_listed(folder: Path) -> None:
    touch(folder, "set/a.wav", "set/notes.pdf")
    (skipped,) = found("set")
    assert isinstance(skipped, Skipped)
    assert (Path(skipped.path).name, skipped.reason) == ("a.wav", "there is no a.txt beside it")


def test_a_named_file_without_a_text_is_an_error(folder: Path) -> None:
    touch(folder, "a.wav")
    (skipped,) = found("a.wav")
    assert isinstance(skipped, Skipped)
    assert isinstance(skipped.reason, MediaNotFound)
    assert str(skipped.reason) == "There is no a.txt beside it; write down there what is said."


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("gone.wav", MediaNotFound),
        ("gone.jsonl", MediaNotFound),
        ("https://host/a.wav", InvalidReference),
        ("-", InvalidReference),
    ],
)
def test_what_has_no_text_is_an_error(folder: Path, source: str, reason: type[InputError]) -> None:
    (skipped,) = found(source)
    assert isinstance(skipped, Skipped)
    assert isinstance(skipped.reason, reason)


def test_a_text_in_another_encoding_is_an_error(folder: Path) -> None:
    touch(folder, "a.wav")
    (folder / "a.txt").write_bytes("sälg".encode("latin-1"))
    (skipped,) = found("a.wav")
    assert isinstance(skipped, Skipped)
    assert "is not UTF-8" in str(skipped.reason)


def test_a_manifest_names_files_beside_it_and_excerpts_of_them(folder: Path) -> None:
    touch(folder, "set/a.wav")
    lines: list[dict[str, Any]] = [
        {"audio_filepath": "a.wav", "text": "all of it", "lang": "en"},
        {"audio_filepath": "a.wav", "text": "a part", "offset": 1.5, "duration": 2},
        {"audio_filepath": str(folder / "set/a.wav"), "words": [{"word": "hey", "start": 1.75, "end": 2}]},
    ]
    manifest(folder / "set", *lines, "", "  ")
    path, audio = Path("set/set.jsonl"), FileMedia(folder / "set/a.wav")
    assert found("set/set.jsonl") == [
        Reference(audio, "all of it", path),
        Reference(audio, "a part", path, start=1.5, end=3.5),
        Reference(audio, "hey", path, (Word("hey", 1.75, 2.0),)),
    ]


def test_bad_lines_are_named_by_their_number_and_the_others_are_used(folder: Path) -> None:
    touch(folder, "a.wav")
    good = {"audio_filepath": "a.wav", "text": "x"}
    first, second, third = found(manifest(folder, good, "{'audio_filepath'", "", good))
    assert isinstance(first, Reference)
    assert isinstance(third, Reference)
    assert isinstance(second, Skipped)
    assert second.path == "set.jsonl, line 2"
    assert "is no JSON" in str(second.reason)


def test_a_manifest_that_is_one_array_is_refused_in_one_sentence(folder: Path) -> None:
    (skipped,) = found(manifest(folder, "[", '{"audio_filepath": "a.wav", "text": "x"}', "]"))
    assert isinstance(skipped, Skipped)
    assert "one JSON array" in str(skipped.reason)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({}, "audio_filepath is missing"),
        ({"audio_filepath": ""}, "audio_filepath is missing"),
        ({"audio_filepath": "a\0.wav", "text": "x"}, "audio_filepath is missing"),
        ({"audio_filepath": "b.wav", "text": "x"}, "b.wav is no file beside the manifest"),
        ({"audio_filepath": "\ud800", "text": "x"}, "is no file beside the manifest"),
        ({"audio_filepath": "a.wav"}, "text is missing"),
        ({"audio_filepath": "a.wav", "text": 7}, "text is missing or no string"),
        ({"audio_filepath": "a.wav", "text": "x", "offset": "1"}, "offset is no number"),
        ({"audio_filepath": "a.wav", "text": "x", "offset": -1}, "offset is no number"),
        ({"audio_filepath": "a.wav", "text": "x", "duration": True}, "duration is no number"),
        ({"audio_filepath": "a.wav", "text": "x", "duration": 0}, "duration is 0"),
        ({"audio_filepath": "a.wav", "text": "x", "duration": 10**400}, "duration is no number"),
        ({"audio_filepath": "a.wav", "text": "x", "words": {}}, "words is no list"),
        ({"audio_filepath": "a.wav", "words": [{"text": "x", "start": 2, "end": 1}]}, "Word 1 has no text"),
        ({"audio_filepath": "a.wav", "words": [{"text": "x", "start": "2", "end": 1}]}, "start is no number"),
        ({"audio_filepath": "a.wav", "words": ["x"]}, "Word 1 has no text"),
        ('"a.wav"', "no JSON object"),
        ('{"audio_filepath": "a.wav", "text": "x", "offset": NaN}', "offset is no number"),
        ('{"a":' * 100_000, "no JSON"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(folder: Path, line: dict[str, Any] | str, said: str) -> None:
    touch(folder, "a.wav")
    (skipped,) = found(manifest(folder, line))
    assert isinstance(skipped, Skipped)
    assert skipped.path == "set.jsonl, line 1"
    assert isinstance(skipped.reason, InputError)
    assert said in str(skipped.reason)
