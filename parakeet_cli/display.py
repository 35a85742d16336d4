"""Text from files, media and the net, made harmless for terminals and logs (CWE-150)."""

import re

__all__ = ["display"]

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def display(text: str) -> str:
    r"""Escape what moves a cursor, reorders a line or has no encoding: ``\x1b``, ``\u202e``, ``\udcff``.

    That is C0, DEL, C1, line and paragraph separators, bidirectional controls, and the surrogates that
    stand for undecodable bytes of a file name. The result is one line and always encodes as UTF-8.
    """
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
