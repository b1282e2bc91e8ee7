"""This file is where a person pauses, disconnects and reconnects a page, and its people wait."""

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, change, run_now


class Held:
    """A page with an automation, acted on by its owner."""

    def __init__(self, world):
        self.world = world
        self.owner = world.user()
        self.page = world.page(self.owner)
        self.rule = world.rule(self.page, next_run_at=ago(minutes=1))
        self.worker = Worker(world.connection)

    def do(self, function, **arguments):
        return call_as(self.world, self.owner, function, p_page_id=self.page["id"], **arguments)

    def connect(self):
        named = {"p_facebook_page_id": self.page["facebook_page_id"], "p_name": "Other"}
        return call_as(self.world, self.owner, "connect_page", **named, p_encrypted_token="new")

    def stages(self):
        rows = self.world.rows(
            "select current_stage::text as stage, reason_code"
            " from public.ai_automation_contact_states where rule_id = %s order by id",
            self.rule["id"],
        )
        return [(row["stage"], row["reason_code"]) for row in rows]

    def now(self):
        [row] = self.world.rows(
            "select * from public.facebook_pages where id = %s", self.page["id"]
        )
        return row

    def tokens(self):
        rows = self.world.rows(
            "select encrypted_token from public.facebook_page_secrets where page_id = %s",
            self.page["id"],
        )
        return [row["encrypted_token"] for row in rows]

    def audit(self):
        rows = self.world.rows(
            "select action from public.ai_automation_audit where page_id = %s order by id",
            self.page["id"],
        )
        return [row["action"] for row in rows]

    def hear(self, **told):
        """A message went through, and its answer tells this."""
        news = {"page_id": str(self.page["id"]), "sent": True, **told}
        call(self.world.connection, "record_page_news", p_news=Jsonb([news]))

    def plan(self):
        [row] = call(self.world.connection, "enqueue_due_contacts", p_limit=9)
        return row["enqueue_due_contacts"]["queued"]


@pytest.fixture
def held(world):
    return Held(world)


def test_a_paused_page_keeps_what_is_written_and_starts_nothing(held):
    held.world.contact(held.page)
    run_now(held.world, held.rule)
    held.worker.check()
    held.worker.write()

    held.do("set_page_paused", p_paused=True)
    held.do("set_page_paused", p_paused=True)
    held.world.contact(held.page)
    taken = (held.worker.claim("ready_to_send"), held.plan())
    with pytest.raises(psycopg.errors.RaiseException, match="paused"):
        run_now(held.world, held.rule)
    held.do("try_page_now")
    still = held.worker.claim("ready_to_send")
    held.do("set_page_paused", p_paused=False)

    assert (taken, still) == (([], 0), [])
    assert held.plan() == 1
    assert len(held.worker.claim("ready_to_send")) == 1
    assert held.audit() == ["pause_page", "try_page", "resume_page"]


def test_who_is_checked_while_a_page_is_paused_comes_again_by_themselves(held):
    held.world.contact(held.page)
    run_now(held.world, held.rule)
    held.do("set_page_paused", p_paused=True)

    held.worker.check()

    assert held.stages() == [("skipped", "page_paused")]
    held.do("set_page_paused", p_paused=False)
    held.world.rows(
        "update public.ai_automation_contact_states set next_check_at = now()"
        " where next_check_at < now() + interval '6 minutes' returning 1"
    )
    assert held.plan() == 1


def test_a_disconnected_page_loses_its_token_and_a_connected_one_goes_on(held):
    for _ in range(2):
        held.world.contact(held.page)
    run_now(held.world, held.rule)
    held.worker.check()
    held.worker.write(limit=1)
    change(held.world, "facebook_pages", held.page, status="token_invalid", sends_per_minute=1)

    held.do("disconnect_page")
    held.do("disconnect_page")
    left = held.worker.claim("ready_to_send") + held.worker.claim("eligible")
    skipped, gone = held.stages(), held.tokens()
    with pytest.raises(psycopg.errors.RaiseException, match="disconnected"):
        run_now(held.world, held.rule)
    with pytest.raises(psycopg.errors.RaiseException, match="disconnected"):
        held.do("request_sync")
    waits = held.plan()
    page_id = held.connect()
    held.world.rows(
        "update public.ai_automation_contact_states set next_check_at = now() returning 1"
    )

    assert (left, gone, waits) == ([], [], 0)
    assert skipped == [("skipped", "page_disconnected")] * 2
    assert (page_id, held.tokens()) == (held.page["id"], ["new"])
    assert (held.now()["disconnected_at"], held.now()["status"]) == (None, "active")
    assert held.now()["name"] == "Corner Bakery"
    change(held.world, "ai_automation_rules", held.rule, next_run_at=ago(minutes=1))
    assert held.plan() == 2
    assert [each for each in held.audit() if "paused" not in each and "resumed" not in each] == [
        "disconnect_page",
        "reconnect_page",
    ]


def test_who_wrote_while_a_page_was_disconnected_is_read_before_anything_is_sent(held):
    held.connect()
    held.world.contact(held.page)
    run_now(held.world, held.rule)
    held.worker.check()
    held.worker.write()
    reads = begin_reading(held)
    held.do("disconnect_page")
    held.connect()

    held.do("try_page_now")
    assert held.worker.claim("ready_to_send") == []
    assert held.now()["status_reason"].startswith("It reads first")
    # What had begun before may have passed what was written since: that round lets nothing go.
    assert not step(held, reads, ended=True)["held"]
    held.world.rows(
        "update public.facebook_page_syncs set started_at = %s returning 1", ago(hours=1)
    )
    assert step(held, begin_reading(held), ended=True)["phase"] == "idle"
    assert held.worker.claim("ready_to_send") == []
    lease = begin_reading(held)
    assert step(held, lease, ended=False)["phase"] == "reading"
    assert held.worker.claim("ready_to_send") == []
    assert step(held, lease, ended=True)["phase"] == "idle"

    assert len(held.worker.claim("ready_to_send")) == 1
    page = held.now()
    assert (page["paused_until"], page["status_reason"], page["catches_up_until"]) == (None,) * 3


@pytest.mark.parametrize("paused_for", [None, "30 minutes"])
def test_catching_up_ends_by_itself_and_ends_no_pause_of_facebooks(held, paused_for):
    held.world.contact(held.page)
    run_now(held.world, held.rule)
    held.worker.check()
    held.worker.write()
    held.do("disconnect_page")
    held.connect()
    if paused_for:
        held.world.rows(
            "update public.facebook_pages set paused_until = now() + %s::interval,"
            " status_reason = 'Facebook said so' returning 1",
            paused_for,
        )
        held.world.rows("update public.facebook_page_syncs set high_water_at = now() returning 1")
        assert begin_reading(held) is None, "the page's own pause holds for reading too"
        held.do("try_page_now")
    else:
        held.world.rows(
            "update public.facebook_pages set paused_until = now(), catches_up_until = now()"
            " where paused_until > now() + interval '9 minutes' returning 1"
        )

    assert len(held.worker.claim("ready_to_send")) == 1


def begin_reading(held):
    """A worker takes the page up; it has been read in full before."""
    held.world.rows("update public.facebook_page_syncs set high_water_at = now() returning 1")
    claims = {"p_worker": "reader", "p_limit": 9, "p_lease_seconds": 90}
    leases = call(held.world.connection, "claim_syncs", **claims)
    return leases[0] if leases else None


def step(held, lease, ended):
    told = {"p_page_id": held.page["id"], "p_lease_token": lease["lease_token"]}
    told |= {"p_step": Jsonb({"threads": 1, "ended": ended}), "p_lease_seconds": 90}
    [answer] = call(held.world.connection, "advance_sync", **told)
    return answer["advance_sync"]


def test_a_persons_pause_outlives_disconnecting_and_connecting_again(held):
    held.world.contact(held.page)
    held.do("set_page_paused", p_paused=True)
    since = held.now()["paused_at"]

    held.do("disconnect_page")
    held.connect()

    assert held.now()["disconnected_at"] is None
    assert held.now()["paused_at"] == since
    with pytest.raises(psycopg.errors.RaiseException, match="paused"):
        run_now(held.world, held.rule)
    assert held.plan() == 0
    held.do("set_page_paused", p_paused=False)
    assert held.plan() == 1


def test_facebooks_pause_ends_when_a_person_says_so(held):
    change(held.world, "facebook_pages", held.page, paused_until=ago(hours=-1), usage_percent=96)
    held.do("set_page_paused", p_paused=True)
    held.do("set_page_paused", p_paused=False)
    after_resume = held.now()["paused_until"]

    held.do("try_page_now")

    assert after_resume
    assert held.now()["paused_until"] is None
    assert held.now()["usage_percent"] < 75


def test_only_an_answer_that_tells_of_room_ends_the_pause_of_a_page_that_is_full(held):
    held.hear(usage_percent=97, regain_seconds=1800)
    asked = held.now()["paused_until"]
    held.hear()
    held.hear(usage_percent=96)
    kept = held.now()["paused_until"]

    held.hear(usage_percent=40)

    assert asked > ago(minutes=-29)
    assert kept == asked
    assert held.now()["paused_until"] is None


def test_a_new_page_is_read_and_its_card_tells_all(held):
    named = {"p_facebook_page_id": "77", "p_name": "  "}
    page_id = call_as(held.world, held.owner, "connect_page", **named, p_encrypted_token="t")
    held.world.contact(held.page)
    held.do("set_page_rate", p_sends_per_minute=30)
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        held.do("set_page_rate", p_sends_per_minute=2401)
    held.do("note_subscription", p_error="refused")

    cards = call_as(held.world, held.owner, "page_cards", p_with_counts=True)
    quick = call_as(held.world, held.owner, "page_cards", p_with_counts=False)
    claims = {"p_worker": "w", "p_limit": 9, "p_lease_seconds": 9}
    [lease] = call(held.world.connection, "claim_syncs", **claims)

    assert [card["name"] for card in cards] == ["77", "Corner Bakery"]
    assert [card["contacts"] for card in cards] == [0, 1]
    assert [card["contacts"] for card in quick] == [None, None]
    assert cards[1]["sends_per_minute"] == 30
    assert cards[1]["subscribe_error"] == "refused"
    assert [each["id"] for each in cards[1]["automations"]] == [str(held.rule["id"])]
    assert (lease["page_id"], lease["phase"], lease["must_subscribe"]) == (
        page_id,
        "counting",
        True,
    )
