"""What an engine's process tells of its calls."""

import threading
import time

from parakeet_cli.transcription.engine.host import _Clock


def test_of_two_calls_at_one_time_the_longer_counts() -> None:
    clock, has_begun, may_end = _Clock(), threading.Event(), threading.Event()

    def call() -> None:
        with clock:
            has_begun.set()
            assert may_end.wait(10)

    other = threading.Thread(target=call)
    other.start()
    assert has_begun.wait(10)
    time.sleep(0.2)
    with clock:
        assert clock.beat().busy >= 0.2
    shorter = clock.beat()
    assert shorter.busy >= 0.2
    may_end.set()
    other.join()
    assert clock.beat().busy == 0
    assert clock.beat().longest > shorter.longest


def test_while_a_recognizer_settles_the_memory_of_before_is_told() -> None:
    clock = _Clock()
    before = clock.beat().memory
    held = bytearray(b"x" * (200 << 20))
    assert clock.beat(is_settling=True).memory == before
    assert clock.beat().memory > before + len(held) // 2
