import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.batch.destinations import place
from parakeet_cli.transcription.media.inputs import FileMedia, StdinMedia, UrlMedia
from parakeet_cli.transcription.pipeline import Recording

NAME = st.one_of(
    st.sampled_from(["a.mp3", "A.wav", "a.wav", "ä.mp3", "a\u0308.mp3", "a.mp3.wav", "n" * 251 + ".wav"]),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60)
    .filter(lambda name: name not in (".", "..") and len(name.encode()) < 250)
    .map(lambda name: name + ".mp3"),
)


def recordings(*media: str | FileMedia | UrlMedia | StdinMedia) -> list[Recording]:
    return [
        Recording(number, FileMedia(Path(item)) if isinstance(item, str) else item) for number, item in enumerate(media)
    ]


@given(names=st.lists(st.tuples(st.sampled_from(["/x", "/y", "/x/z"]), NAME), max_size=20, unique=True))
def test_no_two_outputs_share_a_name_on_any_file_system(names: list[tuple[str, str]]) -> None:
    for folder in (None, Path("/out")):
        stems, _ = place(recordings(*(f"{parent}/{name}" for parent, name in names)), folder, len(".json"))
        keys = [unicodedata.normalize("NFC", f"{stem}.json").casefold() for stem in stems.values()]
        assert len(set(keys)) == len(names)
        assert all(len(os.fsencode(f"{stem.name}.json")) <= 255 for stem in stems.values())


def test_a_collision_lengthens_only_the_names_that_collide() -> None:
    stems, collisions = place(recordings("/x/a.mp3", "/x/a.wav", "/x/b.wav"), None, 5)
    assert [str(stem) for stem in stems.values()] == ["/x/a.mp3", "/x/a.wav", "/x/b"]
    assert [collision.recordings for collision in collisions] == [(0, 1)]


def test_names_that_stay_equal_do_not_depend_on_the_rest_of_the_batch() -> None:
    two, _ = place(recordings("/x/a.mp3", "/y/a.mp3"), Path("/out"), 5)
    three, _ = place(recordings("/z/a.mp3", "/x/a.mp3", "/y/a.mp3"), Path("/out"), 5)
    assert list(two.values()) == list(three.values())[1:]


def test_sub_folders_are_mirrored_from_the_root_they_were_found_under() -> None:
    media = FileMedia(Path("/films/noir/a.mkv"), Path("/films"))
    assert place(recordings(media), Path("/out"), 5)[0][0] == Path("/out/noir/a")
    assert place(recordings(media), None, 5)[0][0] == Path("/films/noir/a")


def test_what_is_no_file_goes_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stems, _ = place(recordings(UrlMedia("https://host/pod/ep%201.mp3?x=1"), StdinMedia()), None, 5)
    assert list(stems.values()) == [tmp_path / "ep 1", tmp_path / "stdin"]


def test_tracks_of_one_file_are_told_apart() -> None:
    film = FileMedia(Path("/x/film.mkv"))
    stems, collisions = place([Recording(0, film, 1), Recording(1, film, 3)], None, 5)
    assert [stem.name for stem in stems.values()] == ["film.a1", "film.a3"]
    assert collisions == []


def test_what_lies_elsewhere_behind_a_link_goes_to_the_folder_itself() -> None:
    media = FileMedia(Path("/real/x/a.mp3"), Path("/films"))  # of films/*/a.mp3, where films/x is a link
    assert place(recordings(media), Path("/out"), 5)[0][0] == Path("/out/a")
