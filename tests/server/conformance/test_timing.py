"""Long work, impatient clients, and what is quick while all workers are busy: cases D of the design."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes import beeps, write_wav
from tests.server.conformance.clients import Client, Refused
from tests.server.conformance.conftest import KEY, ONE_TO_FIVE, SHORT_CHUNKS
from tests.server.conformance.hasty_server import PROGRAM as HASTY
from tests.server.conformance.odd_engine import WRITTEN
from tests.server.conformance.wire import ask
from tests.server.processes import RunningServer, running, until

AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
CANCELLED = 'parakeet_recordings_total{state="cancelled"}'
TEXT = " ".join(WRITTEN[word] for word in ONE_TO_FIVE)
HEADERS_SECONDS = 2
"""Less than half of the work on ``very_slow_beeps``; Node rounds it up to whole seconds."""
NODE_S_LIMIT = 300
"""Seconds that Node's fetch waits for the first header."""
PATIENCE = 500
"""Seconds that our tests wait for an answer that takes longer."""


def test_white_space_keeps_a_client_waiting_that_waits_only_so_long_for_a_header(
    named_client: Callable[[str], Client], slow_server: RunningServer, very_slow_beeps: Path
) -> None:
    client = named_client("node-6").at(slow_server.url, headers_timeout=HEADERS_SECONDS)
    answer = client.transcribe(very_slow_beeps, response_format="verbose_json")
    assert answer.value["text"] == " ".join([TEXT] * 4)
    assert answer.raw.startswith("  ")


def test_white_space_is_no_matter_to_any_client(anywhere: Client, slow_server: RunningServer, slow_beeps: Path) -> None:
    answer = anywhere.at(slow_server.url).transcribe(slow_beeps)
    assert (answer.value["text"], answer.raw[0]) == (TEXT, " ")


def test_without_white_space_such_a_client_gives_up(
    named_client: Callable[[str], Client], strict_server: RunningServer, very_slow_beeps: Path
) -> None:
    """Which shows that the test above can fail."""
    client = named_client("node-6").at(strict_server.url, KEY, headers_timeout=HEADERS_SECONDS)
    with pytest.raises(Refused) as refused:
        client.transcribe(very_slow_beeps)
    assert refused.value.name == "APIConnectionTimeoutError"
    until(lambda: strict_server.metric("parakeet_running", AUTHORIZATION) == 0, "the place is free")


def test_who_gives_up_and_asks_again_leaves_nothing_behind(
    newest_client: Client, strict_server: RunningServer, very_slow_beeps: Path
) -> None:
    """There is one place and one to wait in: attempts that all went on would not find room for long."""
    until(lambda: strict_server.metric("parakeet_running", AUTHORIZATION) == 0, "the place is free")
    cancelled = strict_server.metric(CANCELLED, AUTHORIZATION)
    client = newest_client.at(strict_server.url, KEY, timeout=1, max_retries=1)
    with pytest.raises(Refused) as refused:
        client.transcribe(very_slow_beeps)
    assert refused.value.name == "APITimeoutError"
    until(lambda: strict_server.metric("parakeet_running", AUTHORIZATION) == 0, "the place is free", seconds=5)
    assert strict_server.metric("parakeet_waiting", AUTHORIZATION) == 0
    assert cancelled < strict_server.metric(CANCELLED, AUTHORIZATION) <= cancelled + 2


def test_health_and_models_are_quick_while_all_workers_are_busy(
    strict_server: RunningServer, newest_client: Client, slow_beeps: Path
) -> None:
    client = newest_client.at(strict_server.url, KEY)
    work = threading.Thread(target=client.transcribe_in_parallel, args=([slow_beeps] * 2,))
    work.start()
    until(lambda: strict_server.metric("parakeet_waiting", AUTHORIZATION) == 1, "all workers are busy")
    seconds = []
    for path in ("/health", "/v1/models") * 5:
        began = time.monotonic()
        assert ask(strict_server.url, path, method="GET", headers=AUTHORIZATION).status == 200
        seconds.append(time.monotonic() - began)
    assert strict_server.metric("parakeet_running", AUTHORIZATION) == 1
    work.join()
    assert sorted(seconds)[len(seconds) // 2] < 0.2


@pytest.mark.prove
def test_node_s_client_gets_an_answer_that_takes_longer_than_it_waits_for_a_header(
    named_client: Callable[[str], Client], tmp_path: Path
) -> None:
    """Over 300 s of work: with the white space that comes by default, and, to show the limit, without."""
    seconds = 25  # a batch, of which there are thirteen
    path = write_wav(tmp_path / "beeps.wav", beeps(ONE_TO_FIVE * 3, beep=0.48, pause=3.52))
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    with (
        running(tmp_path / "with", *SHORT_CHUNKS, program=HASTY, BEEP_SECONDS=str(seconds)) as patient,
        running(
            tmp_path / "without", *SHORT_CHUNKS, program=HASTY, BEEP_SECONDS=str(seconds), HEARTBEAT_AFTER="100000"
        ) as silent,
    ):
        failures: list[Refused] = []

        def ask_the_silent_one() -> None:
            try:
                named_client("node-7").at(silent.url, patience=PATIENCE).transcribe(path)
            except Refused as refused:
                failures.append(refused)

        other = threading.Thread(target=ask_the_silent_one)
        other.start()
        began = time.monotonic()
        answer = named_client("node-6").at(patient.url, patience=PATIENCE).transcribe(path)
        assert time.monotonic() - began > NODE_S_LIMIT
        assert answer.value["text"] == " ".join([TEXT] * 3)
        other.join()
    assert [failure.name for failure in failures] == ["APIConnectionTimeoutError"]
