"""What an engine's process tells of its calls."""

import threading
import time

from parakeet_cli.transcription.engine.host import _Clock


def test_of_two_calls_at_one_time_the_longer_counts() -> None:
    clock, may_end = _Clock(), threading.Event()

    def call() -> None:
        with clock:
            assert may_end.wait(10)

    other = threading.Thread(target=call)
    other.start()
    time.sleep(0.2)
    with clock:
        assert clock.beat().busy >= 0.2
    assert clock.beat().busy >= 0.2
    assert clock.beat().longest < 0.2
    may_end.set()
    other.join()
    assert clock.beat().busy == 0
    assert clock.beat().longest >= 0.2
