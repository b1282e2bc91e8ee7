"""This file is where people are forgotten: asked for through Facebook, or by the owner."""

from urllib.parse import urlsplit

import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database import books
from tests.database.acting import Worker, call, call_as, run_now
from tests.receiver.telling import ASKED, message, signed_request

# Every table in which something of a person may stand; their names and words are looked for in all.
TABLES = (
    "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    " or relname in ('ai_automation_stage_events', 'ai_automation_attempts')"
)


def traces(world, *words):
    """Where any of the words still stands."""
    found = []
    for row in world.rows(TABLES):
        table = row["relname"]
        texts = " ".join(str(each) for each in world.rows(f"select * from public.{table}"))  # noqa: S608
        found += [(table, word) for word in words if word in texts]
    return found


def known(world, page, sender_id="7710000771"):
    """A contact with something in every table, and a worker that is about to send."""
    contact = world.contact(
        page, sender_id=sender_id, sender_name="Amina Diallo", last_inbound_at=ago(hours=2)
    )
    rule, worker = world.rule(page, max_follow_ups=3), Worker(world.connection)
    run_now(world, rule)
    worker.check()
    worker.write()
    return contact, rule, worker


def status(facebook, answer):
    return facebook.call("GET", urlsplit(answer.json()["url"]).path)


def finish(facebook):
    return facebook.run(facebook.mover.forget())


def test_facebook_is_told_where_to_look_and_everything_of_the_person_goes(facebook, world, page):
    contact, rule, worker = known(world, page)
    worker.send()
    facebook.tell(message(page, "7710000771", "My secret recipe"))
    facebook.tell(message(page, "7710000771", "STOP"))

    answer = facebook.call("POST", "/data-deletion", data=signed_request())
    again = facebook.call("POST", "/data-deletion", data=signed_request())
    at_once, path = status(facebook, answer), urlsplit(answer.json()["url"]).path
    assert (at_once.status_code, "being taken in" in at_once.text) == (200, True)
    for other in (path[:-1] + "x", path[:-24] + "0" * 16 + path[-8:]):
        assert facebook.call("GET", other).status_code == 404, "nobody was given that code"
    facebook.settle()
    [open_request] = call(world.connection, "deletions_to_resolve")
    people = [{"facebook_page_id": page["facebook_page_id"], "sender_id": "7710000771"}]
    told = {"p_code": open_request["code"], "p_people": Jsonb(people), "p_complete": True}
    assert "being worked on" in status(facebook, answer).text
    call(world.connection, "resolve_deletion", **told)
    finish(facebook)

    assert answer.json() == again.json()
    assert answer.json()["confirmation_code"] == open_request["code"]
    assert "nothing about you is kept" in status(facebook, answer).text
    assert (
        traces(
            world,
            "7710000771",
            "10770010771",
            "Amina",
            "recipe",
            "See you Saturday",
            str(contact["id"]),
        )
        == []
    )
    assert facebook.spool.bytes == 0
    books.check_counts(world, rule)
    [stone] = world.rows("select said_stop from public.contact_tombstones")
    assert stone["said_stop"] is True, "and a STOP is remembered"


def test_no_import_and_no_sync_brings_them_back_but_they_themselves(facebook, world, page):
    owner = {"id": page["user_id"]}
    contact, _, _ = known(world, page)
    said_before = message(
        page, "7710000771", "From before", at=int(ago(minutes=5).timestamp() * 1000)
    )
    assert call_as(world, owner, "delete_contact", p_contact_id=contact["id"]) == {"deleted": True}

    rows = Jsonb([{"line": 2, "sender_id": "7710000771"}])
    brought = call_as(world, owner, "import_contacts", p_page_id=page["id"], p_contacts=rows)
    facebook.tell(said_before, message(page, "7710000771", "We write", is_echo=True))

    assert [row["line"] for row in brought["rejected"]] == [2]
    audit = world.rows("select action, affected from public.ai_automation_audit order by id")
    assert {"action": "delete_contact", "affected": 1} in audit
    # The page's own words, which cannot bring them back, are not kept either.
    assert traces(world, "7710000771", "Amina", "From before", "We write") == []
    facebook.tell(message(page, "7710000771", "Hello again"))
    [back] = world.rows("select sender_id, tags from public.contacts")
    assert back["sender_id"] == "7710000771"


def test_what_is_on_its_way_is_let_through_and_nothing_after_it(facebook, world, page):
    contact, rule, worker = known(world, page)
    [job] = worker.claim("ready_to_send", lease_seconds=30)

    asked = call_as(world, {"id": page["user_id"]}, "delete_contact", p_contact_id=contact["id"])

    assert asked == {"deleted": False}
    finish(facebook)
    [waiting] = world.rows("select opted_out_at from public.contacts")
    assert waiting["opted_out_at"] is not None, "nothing else is begun"
    [recorded] = worker.record([job], "sent", attempt_outcome="sent", facebook_message_id="m_1")
    assert recorded["recorded"]
    finish(facebook)
    assert world.rows("select id from public.contacts") == []
    assert traces(world, "Amina", str(contact["id"])) == []
    books.check_counts(world, rule)
    [late] = worker.record([job], "sent", attempt_outcome="sent", facebook_message_id="m_1")
    assert late["problem"] == "not_held"


def test_nobody_deletes_what_is_not_theirs(world, page):
    contact = world.contact(page)
    stranger = world.user()

    with pytest.raises(Exception, match="does not exist"):
        call_as(world, stranger, "delete_contact", p_contact_id=contact["id"])

    assert len(world.rows("select id from public.contacts")) == 1


def test_only_what_facebook_signed_is_a_request(facebook):
    bad = [
        (403, signed_request(secret="another")),
        (403, signed_request(proof="")),
        (400, signed_request(proof="ü")),
        (400, signed_request(proof="a.b")),
        (400, signed_request({**ASKED, "algorithm": "none"})),
        (400, signed_request({**ASKED, "user_id": 7})),
        (400, signed_request({**ASKED, "user_id": "1' or 1=1"})),
        (400, signed_request([ASKED])),
        (403, {"signed_request": "."}),
        (400, {"something": "else"}),
        (413, {"signed_request": "x" * 100_000}),
    ]
    answers = [facebook.call("POST", "/data-deletion", data=form) for _, form in bad]

    assert [answer.status_code for answer in answers] == [code for code, _ in bad]
    assert facebook.call("GET", "/data-deletion/" + "0" * 24).status_code == 404
    assert facebook.call("GET", "/data-deletion/<script>").status_code == 404
    assert facebook.spool.bytes == 0


def test_the_status_page_works_before_the_database_is_back(tmp_path, supabase):
    from tests.conftest import Supabase
    from tests.ports import free_port
    from tests.receiver.telling import Facebook

    nowhere = Supabase(
        f"http://127.0.0.1:{free_port()}", "sb_publishable_x", "x", supabase.database
    )
    cut_off = Facebook(tmp_path, nowhere, receiver_url="https://hooks.example.com")

    answer = cut_off.call("POST", "/data-deletion", data=signed_request())

    assert answer.json()["url"].startswith("https://hooks.example.com/data-deletion/")
    page = status(cut_off, answer)
    assert (page.status_code, "taken in" in page.text) == (200, True)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    cut_off.close()


def test_a_page_that_can_be_asked_later_is_waited_for_and_a_disconnected_one_is_not(
    facebook, world, page
):
    dead = world.page(world.user())
    world.contact(dead, sender_id="42", sender_name="Bo")
    known(world, page)
    facebook.call("POST", "/data-deletion", data=signed_request())
    facebook.settle()
    [request] = call(world.connection, "deletions_to_resolve")
    people = [{"facebook_page_id": page["facebook_page_id"], "sender_id": "7710000771"}]
    told = {"p_code": request["code"], "p_people": Jsonb(people), "p_complete": True}

    def now():
        [row] = world.rows("select * from public.contact_deletions")
        [words] = call(world.connection, "deletion_status", p_code=request["code"])
        return words["deletion_status"]["status"], row["asked_for"] is None

    call(world.connection, "resolve_deletion", **told)
    finish(facebook)
    assert now() == ("waiting", False)
    assert traces(world, "Amina") == [], "whom it found is gone all the same"
    world.rows(
        "update public.contact_deletions set requested_at = requested_at - interval '2 hours'"
        " returning code"
    )
    assert now() == ("partly", False)
    call_as(world, {"id": dead["user_id"]}, "disconnect_page", p_page_id=dead["id"])
    call(world.connection, "resolve_deletion", **told)
    finish(facebook)

    assert now() == ("done_where_asked", True)
    assert "no longer connected" in facebook.call("GET", f"/data-deletion/{request['code']}").text
    assert call(world.connection, "deletions_to_resolve") == []


def test_what_can_never_be_asked_is_given_up_and_who_it_was_is_not_kept(facebook, world, page):
    world.contact(world.page(world.user()), sender_id="7710000771")
    facebook.call("POST", "/data-deletion", data=signed_request())
    facebook.settle()
    [request] = call(world.connection, "deletions_to_resolve")
    people = [{"facebook_page_id": page["facebook_page_id"], "sender_id": "7710000771"}]
    told = {"p_code": request["code"], "p_people": Jsonb(people), "p_complete": True}

    for _ in range(20):
        call(world.connection, "resolve_deletion", **told)
        finish(facebook)

    [row] = world.rows("select * from public.contact_deletions")
    assert (row["resolved_at"], row["done_at"]) == (None, None)
    assert row["asked_for"] is None, "given up, and who it was is not kept"
    assert call(world.connection, "deletions_to_resolve") == []
