"""This file is where the database, the disk or the receiver fails, and no event is lost."""

import resource

import pytest

from tests.builders import ago
from tests.conftest import Supabase
from tests.ports import free_port
from tests.receiver.telling import Facebook, body_of, message


def senders(world):
    return {row["sender_id"] for row in world.rows("select sender_id from public.contacts")}


@pytest.fixture
def nowhere(supabase):
    """A database that does not answer."""
    return Supabase(
        f"http://127.0.0.1:{free_port()}", "sb_publishable_x", "sb_secret_x", supabase.database
    )


def test_events_wait_on_disk_while_the_database_is_away_and_outlive_the_receiver(
    tmp_path, supabase, nowhere, world, page
):
    cut_off = Facebook(tmp_path, nowhere)
    for person in ("1", "2", "3"):
        answer = cut_off.post(body_of(message(page, f"7{person}")))
        assert answer.status_code == 200
        with pytest.raises(Exception, match="connect"):
            cut_off.run(cut_off.mover.move())
    ready = cut_off.call("GET", "/readyz")
    assert (ready.status_code, ready.json()["database"]) == (200, "away")
    assert cut_off.spool.bytes > 0
    beside = Facebook(tmp_path, supabase)
    assert beside.spool.adopt() == 0, "its owner lives"
    cut_off.die()

    assert beside.spool.adopt() >= 1
    beside.settle()

    assert senders(world) == {"71", "72", "73"}
    assert beside.spool.bytes == 0
    beside.close()


def test_half_a_line_is_left_out_and_the_others_are_moved(tmp_path, supabase, world, page):
    first = Facebook(tmp_path, supabase)
    for person in ("71", "72"):
        assert first.post(body_of(message(page, person))).status_code == 200
    first.die()
    [file] = first.directory.iterdir()
    whole = file.read_bytes()
    file.write_bytes(b"no json\n" + whole[:-20])

    second = Facebook(tmp_path, supabase)
    second.spool.adopt()
    second.settle()

    assert senders(world) == {"71"}
    assert list(second.directory.iterdir()) == []
    second.close()


def test_a_crash_between_storing_and_forgetting_stores_nothing_twice(
    tmp_path, supabase, world, page
):
    facebook = Facebook(tmp_path, supabase)
    facebook.post(body_of(message(page, "71")))
    [file] = facebook.directory.iterdir()
    kept = file.read_bytes()
    facebook.settle()
    (facebook.directory / "0-again.events").write_bytes(kept)
    facebook.spool.adopt()
    facebook.settle()

    assert (facebook.tally.stored, facebook.tally.known) == (1, 1)
    assert len(world.rows("select id from public.contact_messages")) == 1
    facebook.close()


def test_a_full_disk_tells_facebook_to_come_again_and_keeps_whole_lines(facebook, world, page):
    assert facebook.post(body_of(message(page, "71"))).status_code == 200
    [file] = facebook.directory.iterdir()
    whole = file.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (whole + 50, hard))
    try:
        refused = facebook.post(body_of(message(page, "72")))
        unready = facebook.call("GET", "/readyz")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (refused.status_code, refused.json()) == (503, {"error": "disk"})
    assert unready.status_code == 200, "a few bytes had room"
    assert facebook.post(body_of(message(page, "73"))).status_code == 200
    facebook.settle()
    assert senders(world) == {"71", "73"}


def test_a_receiver_says_that_it_lives_and_what_waits(facebook, world, page):
    facebook.post(body_of(message(page, "71")))

    facebook.run(facebook.mover.beat())

    [row] = world.rows("select * from public.facebook_receivers")
    assert row["beat_at"] > ago(minutes=1)
    assert row["spool_bytes"] > 0
    assert row["heard_at"] is not None
    assert "stagelight_webhook_database_up 1" in facebook.call("GET", "/metrics").text


def test_no_file_is_opened_for_a_try_or_a_probe(tmp_path, nowhere, page):
    """A database that is away for hours must not use up what the process may open."""
    cut_off = Facebook(tmp_path, nowhere)
    for number in range(12):
        assert cut_off.post(body_of(message(page, f"7{number}"))).status_code == 200
        with pytest.raises(Exception, match="connect"):
            cut_off.run(cut_off.mover.move())
        before = cut_off.spool.bytes
        assert cut_off.call("GET", "/readyz").status_code == 200
        assert cut_off.spool.bytes == before, "and a probe leaves nothing"

    assert len(list(cut_off.directory.iterdir())) == 2
    cut_off.die()


def test_a_body_of_very_many_small_events_is_kept_whole(tmp_path, supabase, page):
    facebook = Facebook(tmp_path, supabase)
    event = {"event_key": "k" * 300, "facebook_page_id": page["facebook_page_id"], "told": {}}
    events = [{**event, "number": number} for number in range(50_000)]

    facebook.run(facebook.spool.add(events))

    facebook.run(facebook.spool.rotate())
    file = facebook.spool.next_closed()
    assert file is not None
    assert file.size > 16 * 2**20
    assert sum(len(line) for line in file.lines()) == len(events)
    facebook.die()
