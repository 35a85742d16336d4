"""What a process of ours says on stderr, as far as it is kept."""

from collections import deque
from collections.abc import Callable

__all__ = ["Messages"]

_LONGEST_LINE = 4096
_TAIL_BYTES = 8192


class Messages:
    """The stderr of a process, bounded: the number of its lines and the last 8 KiB of them.

    ``on_line`` sees each line (at most 4 KiB of it) and returns whether it shall be counted and kept.
    """

    def __init__(self, on_line: Callable[[str], bool] = bool) -> None:
        self.count = 0
        self._on_line = on_line
        self._tail: deque[str] = deque()
        self._tail_bytes = 0
        self._rest = b""

    @property
    def tail(self) -> tuple[str, ...]:
        return tuple(self._tail)

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[:_LONGEST_LINE]
        for line in lines:
            self._take(line)

    def end(self) -> None:
        self._take(self._rest)
        self._rest = b""

    def _take(self, raw: bytes) -> None:
        line = raw[:_LONGEST_LINE].decode(errors="replace").rstrip()
        if not line or not self._on_line(line):
            return
        self.count += 1
        self._tail.append(line)
        self._tail_bytes += len(line)
        while self._tail_bytes > _TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft())
