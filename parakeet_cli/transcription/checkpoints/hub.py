"""What the Hugging Face hub says of a checkpoint, and its bytes; alone imports huggingface_hub.

It is imported inside the functions: it takes 0.3 s, and a checkpoint on disk needs none of it.
"""

import contextlib
import queue
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from parakeet_cli.errors import ModelCorrupt, ModelNotFound

__all__ = ["HubFile", "Offer", "ask", "find_file", "from_cache", "read"]

ANSWER_SECONDS = 20.0
"""The longest wait for the hub's answer, name resolution included: a user without network waits no longer."""
STALL_SECONDS = 10.0
"""A connection that gives no byte for this long is broken."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class HubFile:
    """What is wanted: ``name`` as the user says it, a file of ``repository`` (``org/name``) at ``revision``.

    ``revision`` is a commit or a branch; ``sha256`` is None where it is not known beforehand.
    """

    name: str
    repository: str
    filename: str
    revision: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What the hub serves for a ``HubFile``, at a commit; ``sha256`` is None for a file outside LFS."""

    url: str
    commit: str
    size: int
    sha256: str | None


def ask(wanted: HubFile, folder: Path, endpoint: str | None = None) -> Offer:
    """Resolve a branch to its commit, learn size and sha256; ``folder`` is where the user may put the file.

    Raises ``ModelNotFound``, or ``ModelCorrupt`` where something else than the pinned file is offered.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url  # noqa: PLC0415 - see the module's docstring

    url = hf_hub_url(wanted.repository, wanted.filename, revision=wanted.revision, endpoint=endpoint)
    with _plainly(wanted.name, f"put its {wanted.filename} into {folder}", url):
        answer = _within(ANSWER_SECONDS, lambda: get_hf_file_metadata(url, timeout=STALL_SECONDS, endpoint=endpoint))
    if answer.commit_hash is None or answer.size is None:
        raise ModelCorrupt(
            f"{url} answers with something that is no file of a hub, perhaps a web page: "
            "check proxy, network login and HF_ENDPOINT."
        )
    theirs = answer.etag if answer.etag and re.fullmatch("[0-9a-f]{64}", answer.etag) else None
    if wanted.sha256 and theirs and wanted.sha256 != theirs:
        raise ModelCorrupt(
            f"{url} offers a file with sha256 {theirs} where {wanted.sha256} is pinned: check HF_ENDPOINT."
        )
    pinned = hf_hub_url(wanted.repository, wanted.filename, revision=answer.commit_hash, endpoint=endpoint)
    return Offer(pinned, answer.commit_hash, answer.size, wanted.sha256 or theirs)


def find_file(repository: str, folder: Path, endpoint: str | None = None) -> HubFile:
    """The only ``.nemo`` file of a repository, at the commit that its main branch has now."""
    from huggingface_hub import HfApi, constants  # noqa: PLC0415

    with _plainly(repository, f"put its .nemo into {folder}", endpoint or constants.ENDPOINT):
        info = _within(ANSWER_SECONDS, lambda: HfApi(endpoint).model_info(repository, timeout=STALL_SECONDS))
    files = [file.rfilename for file in info.siblings or () if file.rfilename.endswith(".nemo")]
    if len(files) != 1:
        raise ModelNotFound(
            f"{repository} holds {len(files)} .nemo files where one is needed: "
            f"put the one that you mean into {folder} or give its path."
        )
    return HubFile(repository, repository, files[0], info.sha or "main")


def from_cache(repository: str, filename: str, revision: str | None) -> Path | None:
    """The file in the Hugging Face cache, at ``revision`` or, failing that, at main; opens no socket."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415

    for each in dict.fromkeys((revision or "main", "main")):
        found = try_to_load_from_cache(repository, filename, revision=each)
        if isinstance(found, str):
            return Path(found)
    return None


@contextlib.contextmanager
def read(offer: Offer, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Yield where the bytes begin, ``start`` or, where the server cannot resume, 0, and the bytes in blocks.

    Raises ``ConnectionError`` whenever the bytes break off.
    """
    from huggingface_hub import get_session, hf_raise_for_status  # noqa: PLC0415
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined] # noqa: PLC0415 # documented

    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with _as_connection_error():
        stream = get_session().stream("GET", offer.url, headers=headers, timeout=STALL_SECONDS, follow_redirects=True)
        with stream as response:
            hf_raise_for_status(response)
            yield (start if response.status_code == 206 else 0), response.iter_bytes()


@contextlib.contextmanager
def _as_connection_error() -> Iterator[None]:
    from huggingface_hub import errors  # noqa: PLC0415

    try:
        yield
    except errors.HfHubHTTPError as error:
        raise ConnectionError(f"the hub answers {error.response.status_code}") from error
    except errors.HTTPError as error:  # type: ignore[attr-defined] # httpx's or httpx2's, whichever the hub uses
        raise ConnectionError(str(error) or type(error).__name__) from error


@contextlib.contextmanager
def _plainly(name: str, by_hand: str, url: str) -> Iterator[None]:
    """Turn the failure of a question to the hub into ``ModelNotFound`` with the way out."""
    from huggingface_hub import errors  # noqa: PLC0415

    remedy = f"run `parakeet models download {name}` on a machine with network and {by_hand}"
    try:
        yield
    except errors.OfflineModeIsEnabled as error:
        reason = "is not on this machine and HF_HUB_OFFLINE forbids the network"
        raise ModelNotFound(f"{name} {reason}: {remedy}.") from error
    except errors.GatedRepoError as error:
        reason = "is on the hub for those who accepted its terms"
        raise ModelNotFound(f"{name} {reason}: accept them there, set HF_TOKEN, or {by_hand}.") from error
    except (errors.RepositoryNotFoundError, errors.EntryNotFoundError, errors.RevisionNotFoundError) as error:
        reason = f"is neither on this machine nor at {url}"
        raise ModelNotFound(f"{name} {reason}: check the name, or {by_hand}.") from error
    except errors.HfHubHTTPError as error:
        reason = f"is not on this machine and {urlsplit(url).netloc} answers {error.response.status_code}"
        raise ModelNotFound(f"{name} {reason}: try again later, or {remedy}.") from error
    except (errors.HTTPError, TimeoutError, OSError) as error:  # type: ignore[attr-defined] # as above
        reason = f"is not on this machine and {urlsplit(url).netloc} cannot be reached"
        raise ModelNotFound(f"{name} {reason}: {remedy}.") from error


def _within(seconds: float, question: Callable[[], Answer]) -> Answer:
    """Ask in a thread of its own: the resolver of a dead network listens to no timeout."""
    answers: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(question())
        except Exception as error:  # handed over and raised where it was asked
            answers.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:.0f} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
