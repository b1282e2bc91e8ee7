"""This file is where somebody is deleted while a message to them is being handed to Facebook."""

import threading

import psycopg
import pytest

from tests.builders import ago
from tests.database.acting import Worker, call, call_as, change, run_now
from tests.database.test_side_by_side import Waiting
from tests.running import until

LATER = "Try again in a minute"
WAYS = {
    "contact": "delete from public.contacts where id = %(contact)s",
    "state": "delete from public.ai_automation_contact_states where contact_id = %(contact)s",
    "automation": "delete from public.ai_automation_rules where id = %(rule)s",
}
WITH_THE_PAGE = {
    "page": "delete from public.facebook_pages where id = %(page)s",
    "account": "delete from auth.users where id = %(user)s",
}
SLEEPING = "select 1 from pg_stat_activity where wait_event = 'PgSleep' and pid = %s"


@pytest.fixture
def rule(world):
    """An automation with one message that is written."""
    page = world.page(world.user(), sends_per_minute=600)
    rule = world.rule(page)
    world.contact(page)
    run_now(world, rule)
    worker = Worker(world.connection)
    worker.check()
    worker.write()
    return rule


class InThread:
    """A call on another connection, while the test goes on."""

    def __init__(self, act):
        self.error = self.answer = None
        self._thread = threading.Thread(target=self._run, args=(act,))
        self._thread.start()

    def _run(self, act):
        try:
            self.answer = act()
        except psycopg.Error as error:
            self.error = error

    def end(self):
        self._thread.join(20)
        assert not self._thread.is_alive()


def ids(world, rule):
    [contact] = world.rows("select id from public.contacts where page_id = %s", rule["page_id"])
    return {
        "contact": contact["id"],
        "rule": rule["id"],
        "page": rule["page_id"],
        "user": rule["user_id"],
    }


def delete(world, statement, things):
    return world.connection.execute(statement, things).rowcount


def people(world):
    return world.rows("select count(*) as n from public.contacts")[0]["n"]


@pytest.mark.parametrize("way", WAYS)
def test_nobody_is_deleted_while_a_message_to_them_is_under_way(world, rule, way):
    worker, things = Worker(world.connection), ids(world, rule)
    jobs = worker.claim("ready_to_send")

    with pytest.raises(psycopg.Error, match="being handed to Facebook") as refused:
        delete(world, WAYS[way], things)
    [recorded] = worker.record(jobs, "sent", attempt_outcome="sent", facebook_message_id="m_1")

    assert refused.value.sqlstate == "PT409"
    assert LATER in str(refused.value.diag.message_hint)
    assert recorded["recorded"]
    assert delete(world, WAYS[way], things) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_claim_that_commits_during_the_deletion_is_seen_by_it(database, world, second, rule, way):
    things = ids(world, rule)
    with world.connection.transaction():
        jobs = Worker(world.connection).claim("ready_to_send")
        late = Waiting(database, world, lambda: delete(second, WAYS[way], things))
    late.end()

    assert len(jobs) == 1
    assert getattr(late.error, "sqlstate", None) == "PT409"
    assert people(world) == 1


@pytest.mark.parametrize("way", {**WAYS, **WITH_THE_PAGE})
def test_nobody_is_claimed_who_is_being_deleted(world, second, rule, way):
    things = ids(world, rule)
    with world.connection.transaction():
        delete(world, {**WAYS, **WITH_THE_PAGE}[way], things)
        during = Worker(second.connection).claim("ready_to_send")

    assert during == Worker(second.connection).claim("ready_to_send") == []


@pytest.mark.parametrize("way", WITH_THE_PAGE)
def test_a_page_goes_when_what_is_under_way_is_written_down_and_nothing_new_begins(
    world, second, rule, way
):
    worker, things = Worker(world.connection), ids(world, rule)
    other = world.rule(world.page({"id": rule["user_id"]}))
    jobs = worker.claim("ready_to_send")
    pid = second.connection.info.backend_pid
    going = InThread(lambda: delete(second, WITH_THE_PAGE[way], things))
    until(lambda: world.rows(SLEEPING, pid))

    meanwhile = worker.claim("ready_to_send")
    [recorded] = worker.record(jobs, "sent", attempt_outcome="sent", facebook_message_id="m_1")
    going.end()

    assert recorded["recorded"]
    assert (meanwhile, going.error, going.answer) == ([], None, 1)
    assert people(world) == 0
    left = world.rows("select 1 from public.ai_automation_rules where id = %s", other["id"])
    assert len(left) == (way == "page")


@pytest.mark.parametrize("way", WITH_THE_PAGE)
def test_a_page_goes_when_the_lease_of_a_dead_worker_is_over(world, second, rule, way):
    things = ids(world, rule)
    Worker(world.connection).claim("ready_to_send")
    pid = second.connection.info.backend_pid
    going = InThread(lambda: delete(second, WITH_THE_PAGE[way], things))
    until(lambda: world.rows(SLEEPING, pid))

    world.rows(
        "update public.ai_automation_contact_states set lease_expires_at = now() returning 1"
    )
    going.end()

    assert (going.error, going.answer, people(world)) == (None, 1, 0)


def test_what_nobody_knows_any_more_does_not_keep_a_contact(world, rule):
    worker, things = Worker(world.connection), ids(world, rule)
    worker.record(worker.claim("ready_to_send"), "sending", attempt_outcome="unknown")

    assert delete(world, WAYS["contact"], things) == 1


def test_an_answer_to_a_stop_that_is_under_way_keeps_its_contact(world, rule):
    things = ids(world, rule)
    said = {"user_id": rule["user_id"], "contact_id": things["contact"], "word": "stop"}
    told = {"said_at": ago(), "status": "sending", "tried_at": ago(), "worker": "worker-1"}
    answer = world.insert("public.opt_confirmations", **said, **told)

    with pytest.raises(psycopg.Error, match="being handed to Facebook"):
        delete(world, WAYS["contact"], things)
    call(
        world.connection, "finish_confirmation",
        p_id=answer["id"], p_worker="worker-1", p_status="sent", p_error_code=None,
    )  # fmt: skip

    assert delete(world, WAYS["contact"], things) == 1


def test_the_owners_deletion_waits_by_itself_and_nothing_more_is_sent(world, rule):
    worker, things = Worker(world.connection), ids(world, rule)
    jobs = worker.claim("ready_to_send")

    asked = call_as(
        world, {"id": rule["user_id"]}, "delete_contact", p_contact_id=things["contact"]
    )
    [during] = call(world.connection, "finish_deletions")
    worker.record(jobs, "sent", attempt_outcome="sent", facebook_message_id="m_1")
    [after] = call(world.connection, "finish_deletions")

    assert asked == {"deleted": False}
    assert (during["finish_deletions"], after["finish_deletions"]) == ({"gone": 0}, {"gone": 1})
    assert people(world) == 0


def test_a_deleted_automation_is_kept_until_its_last_message_is_written_down(world, rule):
    worker = Worker(world.connection)
    jobs = worker.claim("ready_to_send")
    call_as(world, {"id": rule["user_id"]}, "delete_rule", p_rule_id=rule["id"])
    change(world, "ai_automation_rules", rule, deleted_at=ago(minutes=3))

    [during] = call(world.connection, "remove_deleted_rules")
    worker.record(jobs, "sent", attempt_outcome="sent", facebook_message_id="m_1")
    [after] = call(world.connection, "remove_deleted_rules")

    assert (during["remove_deleted_rules"], after["remove_deleted_rules"]) == (0, 1)
    assert world.rows("select 1 from public.ai_automation_rules where id = %s", rule["id"]) == []
