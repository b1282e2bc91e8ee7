"""This file is where what is said of a contact in an automation is shown to name its next check."""

from datetime import UTC, datetime, timedelta

import pytest

from pages._components.contact_who import who
from pages._components.words import epoch
from pipeline.stages import Stage

PAST = datetime(2026, 1, 2, 3, 4, tzinfo=UTC).isoformat()
FAR = (datetime.now(UTC) + timedelta(days=300)).isoformat()


def told(stage: Stage, next_check_at: str | None) -> str:
    state = {
        "rule": "Winback",
        "rule_id": "r",
        "stage": stage.value,
        "at": PAST,
        "reason_code": None,
        "error_message": None,
        "next_check_at": next_check_at,
    }
    empty = ("last_inbound_at", "last_outbound_at", "opted_out_at", "time_zone")
    contact = dict.fromkeys(empty) | {"page": "P", "sender_id": "1", "tags": []}
    return str(who(contact | {"created_at": PAST, "states": [state]})[-1])


@pytest.mark.parametrize("stage", [Stage.SKIPPED, Stage.FAILED, Stage.SENT])
def test_a_finished_contact_has_a_next_check(stage: Stage) -> None:
    assert str(epoch(FAR)) in told(stage, FAR)
    assert "next check" in told(stage, FAR)
    assert "is due" in told(stage, PAST)
    assert "next check" not in told(stage, None)


def test_a_contact_on_its_way_has_none() -> None:
    assert "next check" not in told(Stage.QUEUED, FAR)
