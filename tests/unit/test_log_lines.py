"""This file is where a line of the log is shown to say who and which, and nothing of a person."""

import json
import logging

from pipeline.logs import JsonLines
from pipeline.model import Unreadable
from pipeline.rows import ids_of
from pipeline.stages import Stage
from tests.providers.jobs import JOB


def line_of(worker: str, **about: object) -> dict[str, object]:
    record = logging.LogRecord("stagelight", logging.WARNING, "", 0, "trouble", (), None)
    vars(record).update(about)
    found: dict[str, object] = json.loads(JsonLines(worker).format(record))
    return found


def test_a_failure_s_line_names_worker_contact_automation_and_try() -> None:
    line = line_of("worker-1", **ids_of(JOB), code="ai_blocked")

    assert (line["event"], line["worker"], line["code"]) == ("trouble", "worker-1", "ai_blocked")
    assert (line["state_id"], line["rule_id"], line["attempt_id"]) == (1, "rule", "4711")
    assert line["stage"] == "sending"
    told = json.dumps(line)
    assert not any(word in told for word in (JOB.contact_name, JOB.sender_id, JOB.message))


def test_what_cannot_be_read_is_named_by_what_is_known() -> None:
    ids = ids_of(Unreadable(7, "lease", Stage.GENERATING))

    assert ids == {"state_id": 7, "stage": "generating"}
    assert "worker" not in line_of("")
