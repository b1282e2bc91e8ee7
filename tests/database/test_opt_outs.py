"""This file is where only a later word of whoever set an opt-out lifts it."""

import pytest

from tests.builders import ago
from tests.database.acting import Worker, call_as, run_now
from tests.database.test_hearing import hear, said, stored


@pytest.fixture
def page(world):
    return world.page(world.user())


@pytest.mark.parametrize("by", ["contact", None])
def test_a_start_from_before_an_opt_out_lifts_nothing(world, page, by):
    out = {"opted_out_at": ago(days=1), "opted_out_by": by}
    world.contact(page, sender_id="77", **out)

    hear(world, page, said("77", "STOP", at=ago(days=400)), said("77", "START", at=ago(days=300)))
    assert stored(world, "77")["opted_out_at"] == out["opted_out_at"]

    hear(world, page, said("77", "START", at=ago(hours=1)))
    assert stored(world, "77")["opted_out_at"] is None


def test_a_start_from_before_facebook_said_that_they_opted_out_lifts_nothing(world, page):
    world.contact(page, sender_id="77", last_inbound_at=ago(hours=2))
    rule, worker = world.rule(page), Worker(world.connection)
    run_now(world, rule)
    worker.check()
    worker.write()
    [job] = worker.claim("ready_to_send")
    worker.record([job], "failed", error_code="opted_out", attempt_outcome="failed")

    hear(world, page, said("77", "START", at=ago(minutes=1)))

    contact = stored(world, "77")
    assert contact["opted_out_by"] == "contact"
    assert contact["opt_word_at"] == contact["opted_out_at"]


def test_what_the_owner_set_outlives_the_contacts_stop_and_start(world, page):
    contact = world.contact(page, sender_id="77")
    owner = {"id": page["user_id"]}
    ask = {"p_contact_ids": [contact["id"]]}
    call_as(world, owner, "change_contacts", **ask, p_action="opt_out")
    marked = stored(world, "77")["opted_out_at"]

    hear(world, page, said("77", "STOP", at=ago(seconds=-1)))
    assert stored(world, "77")["opted_out_by"] == "contact"
    lifted = call_as(world, owner, "change_contacts", **ask, p_action="lift_opt_out")
    assert lifted == {"changed": 0}, "what the contact said stands"
    heard = hear(world, page, said("77", "START", at=ago(seconds=-2)))

    now = stored(world, "77")
    assert (now["opted_out_at"], now["opted_out_by"]) == (marked, "owner")
    assert now["owner_opted_out_at"] is None
    assert heard["opted_in"] == 0
    assert world.rows("select id from public.opt_confirmations where word = 'start'") == []
    assert call_as(world, owner, "change_contacts", **ask, p_action="lift_opt_out")["changed"] == 1
    assert stored(world, "77")["opted_out_at"] is None
