import logging

import pytest

from parakeet_cli.transcription.nemo.quiet import quiet

pytestmark = pytest.mark.model


def test_while_a_model_loads_our_own_warnings_are_told_and_others_are_not(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = logging.getLogger("parakeet_cli.batch.journal"), logging.getLogger("parakeet_clix")
    for logger in (ours, theirs):
        logger.warning("before")
    with quiet(verbose=False):
        for logger in (ours, theirs):
            logger.warning("during")
            logger.error("error")
    for logger in (ours, theirs):
        logger.warning("after")
    told = {
        logger.name: [record.getMessage() for record in caplog.records if record.name == logger.name]
        for logger in (ours, theirs)
    }
    assert told == {ours.name: ["before", "during", "error", "after"], theirs.name: ["before", "error", "after"]}


def test_logging_that_the_caller_disabled_stays_so(caplog: pytest.LogCaptureFixture) -> None:
    logging.disable(logging.WARNING)
    try:
        with quiet(verbose=False):
            logging.getLogger("parakeet_cli.batch.journal").warning("during")
        assert logging.root.manager.disable == logging.WARNING
    finally:
        logging.disable(logging.NOTSET)
    assert caplog.records == []
