"""This file is where a person's contacts are looked through, page by page, by filters and words."""

import uuid
from itertools import pairwise

import pytest
from psycopg.types.json import Jsonb

from tests.builders import ago
from tests.database.acting import call, call_as, change
from tests.database.test_plans import Readings

ORDERS = ("name", "-name", "heard", "-heard", "added", "-added")
NAMES = (
    *("Jane Smith", "jane smith", "Ana", "", "O'Brien, Pat", "Jean-Luc Picard", "محمد العلي"),
    *("Ольга Петрова", "佐藤 美咲", "100% (a\\b) [x]", "Zoë " * 60, "a_b", "Janet"),
)


def listed(world, owner, order="-heard", after=None, limit=50, **fits):
    return call_as(
        world,
        owner,
        "list_contacts",
        p_filter=Jsonb(fits),
        p_order=order,
        p_after=Jsonb(after) if after else None,
        p_limit=limit,
    )


def ids(found):
    return [contact["id"] for contact in found["contacts"]]


def town(world):
    """A person with two pages, and contacts whose names, times and tags meet and differ."""
    owner = world.user()
    pages = [world.page(owner, name=name) for name in ("First", "Second")]
    for number in range(26):
        world.contact(
            pages[number % 2],
            sender_name=NAMES[number % len(NAMES)],
            tags=["even"] if number % 4 == 0 else [],
            last_inbound_at=[None, ago(hours=2), ago(hours=30)][number % 3],
            opted_out_at=ago(hours=1) if number % 5 == 0 else None,
        )
    return owner, pages


def walk(world, owner, order, between=lambda: None, **fits):
    """Every page of three, each after the last contact of the one before."""
    found = listed(world, owner, order, limit=3, **fits)
    yield from found["contacts"]
    while found["more"]:
        between()
        last = found["contacts"][-1]
        found = listed(world, owner, order, [last["key"], last["id"]], limit=3, **fits)
        yield from found["contacts"]


@pytest.mark.parametrize("fits", [{}, {"q": "j"}], ids=["all", "searched"])
def test_pages_follow_each_other_without_gap_or_repeat_while_contacts_come_and_go(world, fits):
    owner, pages = town(world)
    for order in ORDERS:
        at_once = listed(world, owner, order, limit=100, **fits)
        assert at_once["total"] == len(at_once["contacts"])
        there = set(ids(at_once))

        def another(order=order):
            world.contact(pages[0], sender_name="Jo" + order, last_inbound_at=ago(minutes=1))

        seen = [contact["id"] for contact in walk(world, owner, order, another, **fits)]

        assert len(seen) == len(set(seen)), order
        assert there <= set(seen), order
        assert [each for each in seen if each in there] == ids(at_once), order
        world.connection.execute("delete from public.contacts where starts_with(sender_name, 'Jo')")
    forward, backward = (
        ids(listed(world, owner, order, limit=100, **fits)) for order in ("name", "-name")
    )
    assert forward == backward[::-1]


def test_the_orders_are_what_they_say(world):
    owner, _ = town(world)

    heard = [row["last_inbound_at"] or "" for row in listed(world, owner, "heard")["contacts"]]
    assert all(earlier <= later for earlier, later in pairwise(heard))
    assert heard[0] == ""
    names = [row["name"].lower() for row in listed(world, owner, "name")["contacts"]]
    assert names == sorted(names)


def test_every_filter_means_what_it_says_and_they_add_up(world):
    owner, pages = town(world)

    def number(**fits):
        found = listed(world, owner, **fits)
        assert found["total"] == len(found["contacts"])
        return found["total"]

    assert number() == 26
    assert number(page=str(pages[0]["id"])) == number(page=str(pages[1]["id"])) == 13
    assert number(tag=" EVEN ") == 7
    assert number(opted="yes") + number(opted="no") == 26
    assert number(opted="yes") == 6
    assert number(window="open") + number(window="closed") + number(window="never") == 26
    assert number(window="never") == 9
    assert number(tag="even", page=str(pages[1]["id"])) == 0
    assert number(tag="even", opted="yes", window="never", q="jane") == 1


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("JANE", {"Jane Smith", "jane smith", "Janet"}),
        ("smi jan", {"Jane Smith", "jane smith"}),
        ("ane", set()),
        ("o'bri", {"O'Brien, Pat"}),
        ("luc jean-", {"Jean-Luc Picard"}),
        ("العلي", {"محمد العلي"}),
        ("ольг", {"Ольга Петрова"}),
        ("美", {"佐藤 美咲"}),
        ("100%", {"100% (a\\b) [x]"}),
        ("a\\b", {"100% (a\\b) [x]"}),
        ("[x]", {"100% (a\\b) [x]"}),
        (".*", set()),
        ("zoë " * 60, {"Zoë " * 60}),
        ("zoe zoë", {"Zoë " * 60}),
        ("b", {"a_b", "O'Brien, Pat"}),
        ("' & !|:*()", set()),
        ("' (:)", set(NAMES)),
    ],
)
def test_a_search_finds_what_begins_a_word_in_any_script(shared_world, search, names):
    world = shared_world
    if not world.rows("select 1 from public.contacts limit 1"):
        world.owner, _ = town(world)
    found = listed(world, world.owner, q=search)

    assert {contact["name"] for contact in found["contacts"]} == names
    # The way for names that many have finds the same.
    walked = call(
        world.connection,
        "contacts_that_fit",
        p_user_id=world.owner["id"],
        p_filter=Jsonb({"q": search}),
        p_among=None,
        p_order="-heard",
        p_after=None,
        p_limit=50,
    )
    assert [str(row["contacts_that_fit"]) for row in walked] == ids(found)


@pytest.mark.parametrize(
    ("name", "searches"),
    [
        ("Jürgen Müßig", ("jurgen", "JÜRGEN", "Ju\u0308rgen mussig")),
        ("Lukasz Lodz", ("Łukasz łódź",)),
        ("Nguyễn Đăng Søren Ñandú", ("nguyen dang soren nandu",)),
        ("İstanbul Işık", ("istanbul isik", "ISTANBUL")),
        ("أحمد بن إبراهيم", ("احمد", "ابراهيم")),
        ("𝐉𝐚𝐧𝐞 Ｓｍｉｔｈ", ("jane smith",)),
        ("ガブリエル 김", ("ガブリ", "김")),
    ],
)
def test_accents_and_fancy_letters_are_minded_by_neither_side(shared_world, name, searches):
    owner = shared_world.user()
    page = shared_world.page(owner)
    contact = shared_world.contact(page, sender_name=name)
    shared_world.contact(page, sender_name="カブリエル Somebody Else")

    for search in searches:
        assert ids(listed(shared_world, owner, q=search)) == [str(contact["id"])], search


def test_a_sender_id_is_found_by_how_it_begins(world):
    owner, pages = town(world)
    contact = world.contact(pages[0], sender_id="424242-99")

    assert ids(listed(world, owner, q="4242")) == [str(contact["id"])]


def test_nobody_finds_another_ones_contacts_though_their_ids_begin_alike(world):
    """The words of both stand in one index, behind the same eight digits."""
    owner = world.user()
    twin = world.insert("auth.users", id=uuid.UUID(str(owner["id"])[:8] + uuid.uuid4().hex[8:]))
    world.contact(world.page(owner), sender_name="Jane Hers", tags=["x"])
    page = world.page(twin)
    own = world.contact(page, sender_name="Jane Twin", tags=["x"])

    for fits in ({}, {"q": "jane"}, {"tag": "x"}, {"q": "hers"}):
        expected = [] if fits.get("q") == "hers" else [str(own["id"])]
        for order in ORDERS:
            assert ids(listed(world, twin, order, **fits)) == expected
    change(world, "contacts", own, sender_name="Renamed")
    assert listed(world, twin, q="jane")["total"] == 0
    assert listed(world, twin, q="rena")["total"] == 1


def test_a_page_of_many_reads_about_a_page(world):
    owner = world.user()
    page = world.page(owner)
    world.connection.execute(
        "insert into public.contacts (user_id, page_id, sender_id, sender_name, last_inbound_at)"
        " select %s, %s, 's' || n, 'Contact ' || n, now() - n * interval '1 minute'"
        " from generate_series(1, 12000) as n",
        [owner["id"], page["id"]],
    )
    world.connection.execute("analyze public.contacts")
    with world.connection.transaction():
        for order in ORDERS:
            reading = Readings(world)
            found = listed(world, owner, order, limit=101)
            reading.stop()
            assert len(found["contacts"]) == 101
            assert reading("contacts", "seq_scan") == 0, order
            assert reading("contacts", "rows") < 500, order
        world.connection.execute("reset role")
        # A long word that many have: a planner takes it for a rare one, and would read everybody.
        reading = Readings(world)
        arguments = {"p_filter": Jsonb({"q": "contact"}), "p_among": None, "p_order": "-heard"}
        call(
            world.connection, "contacts_that_fit",
            p_user_id=owner["id"], p_after=None, p_limit=101, **arguments,
        )  # fmt: skip
        reading.stop()
        assert reading("contacts", "rows") < 500
    counted = listed(world, owner)
    assert (counted["total"], counted["capped"]) == (10_000, True)
