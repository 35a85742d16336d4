import logging

import pytest

from parakeet_cli.server.logs import log_request
from parakeet_cli.server.tasks import Answered


def test_of_a_jobs_id_only_the_beginning_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    job_id = f"job_{'a-_Z' * 10}xyz"
    with caplog.at_level(logging.INFO, "parakeet_cli.server.requests"):
        log_request(
            Answered("req_1", "::1", "GET", f"/v1/jobs/{job_id}/events", "/v1/jobs/<job_id>/events", 200, 0.1, 0)
        )
    (record,) = caplog.records
    assert "/v1/jobs/job_a-_Z***/events 200" in record.getMessage()
    assert job_id not in str(record.__dict__)
