import errno
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli import user_folders
from parakeet_cli.errors import ModelCorrupt, ModelNotFound
from parakeet_cli.settings import DEFAULT_MODEL
from parakeet_cli.transcription import checkpoints
from parakeet_cli.transcription.checkpoints import Places, find, finding, identity, locate, on_disk, verify
from parakeet_cli.transcription.checkpoints.catalogue import MODELS, Model, known, known_file
from tests.transcription.checkpoints.hub_server import COMMIT, Hub, running_hub

CONTENT = hashlib.shake_256(b"weights").digest(100_000)
TINY = "parakeet-tdt_ctc-110m"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty machine: no model of whoever runs the tests is found."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PARAKEET_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("PARAKEET_MODELS_DIR", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", pytest.fail)
    monkeypatch.setattr("socket.getaddrinfo", pytest.fail)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as server:
        server.files[f"nvidia/{TINY}/{TINY}.nemo"] = CONTENT
        server.files["acme/ours/weird-name.nemo"] = CONTENT
        yield server


def put(path: Path, content: bytes = b"model") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_every_name_alias_and_file_name_means_one_model() -> None:
    names = [name for model in MODELS for name in (model.name, *model.aliases)]
    assert len({name.casefold() for name in names}) == len(names)
    assert all(known(name.upper()) and known_file(known(name).filename) for name in names)  # type: ignore[union-attr] # just seen
    assert {DEFAULT_MODEL, "parakeet-tdt-0.6b-v3", "parakeet-tdt-1.1b", TINY, "demo"} <= set(names)
    assert not any("whisper" in name for name in names)


def test_what_is_pinned_has_the_form_of_commits_and_sums() -> None:
    for model in MODELS:
        assert re.fullmatch("[0-9a-f]{40}", model.revision or "0" * 40)
        assert re.fullmatch("[0-9a-f]{64}", model.sha256 or "0" * 64)
        assert (model.size is None) == (model.sha256 is None)


@pytest.mark.parametrize("name", ["v3", "V3", "parakeet_tdt-0.6b-v3", "nvidia/parakeet-tdt-0.6b-v3"])
@pytest.mark.usefixtures("no_network")
def test_a_model_in_the_working_folder_is_found_by_each_of_its_names(name: str) -> None:
    path = put(Path("models/parakeet-tdt-0.6b-v3.nemo").absolute())
    found = find(name)
    assert (found.name, found.path, len(found.languages)) == ("parakeet-tdt-0.6b-v3", path, 25)
    assert found.language is None


@pytest.mark.usefixtures("no_network")
def test_the_folders_are_searched_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAKEET_MODELS_DIR", str(tmp_path / "mine"))
    snapshot = tmp_path / "hf" / "models--nvidia--parakeet-tdt-0.6b-v2" / "snapshots"
    filename = "parakeet-tdt-0.6b-v2.nemo"
    wanted = [
        Path("models").absolute() / filename,
        tmp_path / "mine" / filename,
        tmp_path / "cache" / "models" / filename,
        snapshot / str(known("v2") and MODELS[0].revision) / filename,
    ]
    for path in wanted:
        put(path)
    for path in wanted:
        assert find("v2").path == path
        path.unlink()
    assert locate("v2") is None


@pytest.mark.usefixtures("no_network")
def test_the_hugging_face_cache_serves_other_revisions_and_repositories(tmp_path: Path) -> None:
    for repository, name in (("nvidia--parakeet-tdt-1.1b", "parakeet-tdt-1.1b"), ("acme--tiny", "tiny")):
        put(tmp_path / "hf" / f"models--{repository}" / "refs" / "main", b"abc")
        put(tmp_path / "hf" / f"models--{repository}" / "snapshots" / "abc" / f"{name}.nemo")
        assert find(repository.replace("--", "/")).path.name == f"{name}.nemo"


@pytest.mark.usefixtures("no_network")
def test_the_demo_checkpoint_is_always_there() -> None:
    found = find("demo")
    assert found.path.is_file()
    assert found.language == "en"


@pytest.mark.usefixtures("no_network")
def test_a_path_names_a_file_or_a_folder_with_one(tmp_path: Path) -> None:
    path = put(tmp_path / "mine" / "tuned.nemo")
    assert find(path) == checkpoints.Checkpoint("tuned", path)
    assert find(str(path.parent)).path == path
    assert find(put(tmp_path / "odd name")).name == "odd name"
    renamed = put(tmp_path / "else" / "parakeet-tdt-0.6b-v2.nemo")
    assert find(renamed).language == "en"


def test_a_path_that_leads_nowhere_is_not_looked_up_on_the_hub(tmp_path: Path, no_network: None) -> None:
    for text in ("none.nemo", "./none", str(tmp_path / "none"), "a/b/c", "nvidia/x.nemo", "~/none.nemo"):
        with pytest.raises(ModelNotFound, match="There is no model file"):
            find(text)
    put(Path("two/a.nemo"))
    put(Path("two/b.nemo"))
    with pytest.raises(ModelNotFound, match=r"two holds 2 .nemo files: name the one to use"):
        find("two")


@pytest.mark.parametrize("text", ["v9", "", "a b", "nul\0", "-x", "../..", "a//b"])
def test_a_name_that_nobody_knows_is_answered_with_the_names(text: str, no_network: None) -> None:
    with pytest.raises(ModelNotFound):
        find(text)
    with pytest.raises(ModelNotFound, match=r"parakeet-tdt-0.6b-v2, parakeet-tdt-0.6b-v3"):
        find("v9")


def test_a_model_with_a_name_of_its_own_is_found_in_the_folders(no_network: None) -> None:
    path = put(Path("models/tuned.nemo").absolute())
    assert find("tuned").path == path


def test_another_repository_does_not_pass_for_a_known_model(tmp_path: Path, no_network: None) -> None:
    put(Path("models/parakeet-tdt-0.6b-v2.nemo"))
    path = put(Path("models/acme--parakeet-tdt-0.6b-v2/parakeet-tdt-0.6b-v2.nemo").absolute())
    assert find("acme/parakeet-tdt-0.6b-v2").path == path
    assert locate("other/parakeet-tdt-0.6b-v2") is None


def test_a_model_is_downloaded_once_and_then_needs_no_network(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(endpoint=hub.url)
    found = find("110m", places)
    assert (found.name, found.path) == (TINY, tmp_path / "cache" / "models" / f"{TINY}.nemo")
    assert hub.requests[0][1].split("/")[4] == MODELS[3].revision
    monkeypatch.setattr("socket.socket.connect", pytest.fail)
    assert find("110m", places) == found


def test_any_repository_with_one_nemo_file_works(hub: Hub, tmp_path: Path) -> None:
    found = find("acme/ours", Places(endpoint=hub.url))
    assert found.path == tmp_path / "cache" / "models" / "acme--ours" / "weird-name.nemo"
    assert found.name == "acme/ours"
    assert find("acme/ours", Places(endpoint="http://127.0.0.1:1")).path == found.path


def test_a_repository_with_two_files_or_none_is_not_guessed_at(hub: Hub) -> None:
    hub.files["acme/ours/second.nemo"] = CONTENT
    with pytest.raises(ModelNotFound, match=r"holds 2 .nemo files"):
        find("acme/ours", Places(endpoint=hub.url))
    with pytest.raises(ModelNotFound, match="neither on this machine nor at"):
        find("acme/none", Places(endpoint=hub.url))


def test_a_damaged_download_is_set_aside_and_fetched_again_at_its_commit(hub: Hub, tmp_path: Path) -> None:
    places = Places(endpoint=hub.url)
    path = find("110m", places).path
    for asked in ("110m", path):
        path.write_bytes(CONTENT[:-1])
        assert find(asked, places).path.read_bytes() == CONTENT
        assert path.with_name(f"{path.name}.bad").stat().st_size == len(CONTENT) - 1
    assert [each.split("/")[4] for method, each, _ in hub.requests if method == "HEAD"][1:] == [COMMIT, COMMIT]


def test_a_damaged_download_without_network_is_named_with_both_sums(hub: Hub, tmp_path: Path) -> None:
    path = find("110m", Places(endpoint=hub.url)).path
    path.write_bytes(b"x")
    with pytest.raises(ModelCorrupt) as caught:
        find("110m", Places(endpoint="http://127.0.0.1:1"))
    for fact in (str(path), "100000 bytes", "1 bytes", hashlib.sha256(CONTENT).hexdigest(), "models download"):
        assert fact in str(caught.value)


def test_verification_hashes_anew_and_says_what_it_compared_with(hub: Hub) -> None:
    found = find("110m", Places(endpoint=hub.url))
    assert verify(found) == (hashlib.sha256(CONTENT).hexdigest(), "the download")
    status = found.path.stat()
    found.path.write_bytes(bytes(len(CONTENT)))
    os.utime(found.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ModelCorrupt, match="is damaged or another file"):
        verify(found)
    own = checkpoints.Checkpoint("own", put(Path("own.nemo")))
    assert verify(own)[1] is None
    with pytest.raises(ModelCorrupt, match=f"expected 2472222720 bytes with sha256 {MODELS[0].sha256}"):
        verify(checkpoints.Checkpoint("v2", put(Path("parakeet-tdt-0.6b-v2.nemo"))))


def test_a_file_that_is_replaced_while_it_is_hashed_is_not_taken_for_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "m.nemo", b"one")
    digest = hashlib.file_digest

    def replacing(file: Any, name: str) -> Any:
        put(tmp_path / "new.nemo", b"two").replace(path)
        return digest(file, name)

    with monkeypatch.context() as patched:
        patched.setattr("hashlib.file_digest", replacing)
        assert identity(path) == hashlib.sha256(b"one").hexdigest()
    assert identity(path) == hashlib.sha256(b"two").hexdigest()


def test_what_may_not_be_looked_at_hides_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the folder that sudo was called in, or somebody's own collection."""
    is_file = Path.is_file

    def denied(path: Path) -> bool:
        if path == Path("demo") or (path.parent.name == "models" and path.is_relative_to(Path.cwd())):
            raise PermissionError(errno.EACCES, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", denied)
    assert find("demo").name == "demo"


def test_a_model_that_may_not_be_read_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = put(tmp_path / "m.nemo", b"one")
    monkeypatch.setattr(Path, "open", denied)
    for look in (identity, lambda path: verify(checkpoints.Checkpoint("m", path))):
        with pytest.raises(ModelCorrupt, match=r"m.nemo cannot be read \(Permission denied\)"):
            look(path)


def test_a_file_is_hashed_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "m.nemo", b"one")
    assert identity(path) == hashlib.sha256(b"one").hexdigest()
    with monkeypatch.context() as patched:
        patched.setattr("hashlib.file_digest", pytest.fail)
        assert identity(path) == hashlib.sha256(b"one").hexdigest()
    replaced = put(tmp_path / "new.nemo", b"two")
    os.utime(replaced, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    replaced.replace(path)
    assert identity(path) == hashlib.sha256(b"two").hexdigest()


def test_a_cache_that_cannot_be_written_or_read_only_costs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "m.nemo", b"one")
    monkeypatch.setenv("PARAKEET_CACHE_DIR", str(put(tmp_path / "file")))
    assert identity(path) == hashlib.sha256(b"one").hexdigest()
    monkeypatch.setenv("PARAKEET_CACHE_DIR", str(tmp_path / "cache"))
    identity(path)
    for note in (tmp_path / "cache" / "identities").iterdir():
        note.write_text("{torn")
    assert identity(path) == hashlib.sha256(b"one").hexdigest()


def test_everything_on_disk_is_listed_once() -> None:
    put(Path("models/a.nemo"))
    put(Path("models/acme--ours/b.nemo"))
    Path("models/z.nemo").symlink_to("a.nemo")
    assert [found.name for found in on_disk()] == ["a", "b", "demo"]


def test_a_user_without_a_home_gets_a_cache_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PARAKEET_CACHE_DIR")
    monkeypatch.setattr(user_folders, "user_cache_path", lambda *_, **__: Path("~/.cache/parakeet"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert Places().store == tmp_path / f"parakeet-{os.geteuid()}" / "models"
    assert Places().store == tmp_path / f"parakeet-{os.geteuid()}" / "models"  # it exists now


@pytest.mark.parametrize("planted", ["link", "file", "writable"])
def test_a_folder_that_somebody_else_could_have_filled_is_not_taken(
    planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PARAKEET_CACHE_DIR")
    monkeypatch.setattr(user_folders, "user_cache_path", lambda *_, **__: Path("~/.cache/parakeet"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / f"parakeet-{os.geteuid()}"
    if planted == "link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to("elsewhere")
    elif planted == "file":
        folder.touch()
    else:
        folder.mkdir()
        folder.chmod(0o777)
    store = Places().store
    assert folder not in store.parents
    assert store.parent.is_dir()
    assert Places().store == store


@pytest.mark.parametrize("offline", ["0", "1"])
def test_without_network_and_file_one_sentence_comes_within_seconds(offline: str, tmp_path: Path) -> None:
    started = time.monotonic()
    program = "from parakeet_cli.transcription.checkpoints import find; find('v2')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=os.environ
        | {"HF_HUB_OFFLINE": offline, "HF_ENDPOINT": "http://127.0.0.1:1", "HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    sentence = done.stderr.splitlines()[-1]
    assert "ModelNotFound: parakeet-tdt-0.6b-v2 is not on this machine" in sentence
    assert "run `parakeet models download parakeet-tdt-0.6b-v2` on a machine with network" in sentence
    assert f"put its parakeet-tdt-0.6b-v2.nemo into {tmp_path / 'cache' / 'models'}." in sentence
    assert time.monotonic() - started < 20


def test_the_commit_of_a_branch_is_kept_for_the_next_download(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    unpinned = Model("free", "free.nemo", ("en",), "MIT", repository="acme/free")
    monkeypatch.setattr(finding, "known", lambda name: unpinned if name == "free" else None)
    hub.files["acme/free/free.nemo"] = CONTENT
    path = find("free", Places(endpoint=hub.url)).path
    path.unlink()
    find("free", Places(endpoint=hub.url))
    asked = [path.split("/")[4] for method, path, _ in hub.requests if method == "HEAD"]
    assert asked == ["main", COMMIT]
