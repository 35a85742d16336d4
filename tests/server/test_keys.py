import hashlib
import hmac
from contextlib import suppress
from pathlib import Path

import pytest

from parakeet_cli.server.errors import ApiError
from parakeet_cli.server.keys import Keys, read_keys

KEYS = Keys(["first-key-0123456789", "clé-ключ-0123456789"])


def test_the_holder_is_the_hash_of_the_key() -> None:
    digest = hashlib.sha256(b"first-key-0123456789").hexdigest()
    assert KEYS.holder("Bearer first-key-0123456789") == digest
    assert KEYS.holder("bearer   first-key-0123456789 ") == digest
    assert KEYS.holder(None, "first-key-0123456789") == digest


def test_a_key_outside_ascii_opens_as_the_bytes_it_is_sent_as() -> None:
    sent = "clé-ключ-0123456789".encode().decode("latin-1")
    assert KEYS.holder(f"Bearer {sent}")


def test_without_keys_nobody_is_asked() -> None:
    assert Keys([]).holder("Bearer anything") == ""
    assert Keys([]).holder(None) == ""


@pytest.mark.parametrize("wrong", ["x", "first-key-012345678", "first-key-01234567890", "\u20ac" * 20, "a" * 100_000])
def test_a_wrong_key_is_refused_and_never_shown_whole(wrong: str) -> None:
    with pytest.raises(ApiError) as refusal:
        KEYS.holder(f"Bearer {wrong}")
    assert (refusal.value.status, refusal.value.code) == (401, "invalid_api_key")
    assert wrong not in refusal.value.message or len(wrong) == 1
    assert len(refusal.value.message) < 100


def test_every_key_is_compared_in_equal_time_whatever_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured times would drown in noise; what is asked of the comparison that takes equal time cannot."""
    asked: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, known: bytes) -> bool:
        asked.append((given, known))
        return genuine(given, known)

    genuine = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    known = [hashlib.sha256(key.encode()).digest() for key in ("first-key-0123456789", "clé-ключ-0123456789")]
    right = "first-key-0123456789"
    for key in (*(right[:length] + "x" * (20 - length) for length in range(20)), "x", "a" * 100_000, right):
        asked.clear()
        with suppress(ApiError):
            KEYS.holder(f"Bearer {key}")
        assert asked == [(hashlib.sha256(key.encode()).digest(), each) for each in known]


@pytest.mark.parametrize(
    ("header", "api_key"), [(None, None), ("", None), ("Bearer ", None), ("Basic abc", "first-key")]
)
def test_a_missing_key_is_told_apart(header: str | None, api_key: str | None) -> None:
    with pytest.raises(ApiError) as refusal:
        KEYS.holder(header, api_key)
    assert (refusal.value.status, refusal.value.code) == (401, None)


def test_a_file_of_keys_has_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# ours\nfirst\n\n  second  \n#third\n")
    assert read_keys(path) == ["first", "second"]
