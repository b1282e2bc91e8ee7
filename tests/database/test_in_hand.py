"""This file is where what a worker has in hand counts when it is given more (decision 0056)."""

from collections import Counter

import pytest

from tests.database.acting import Worker, run_now

PLACES = 6


def queue(world, contacts, page=None, **values):
    """An automation with so many contacts on their way, if need be of a new owner."""
    page = page or world.page(world.user())
    rule = world.rule(page, **values)
    for _ in range(contacts):
        world.contact(page)
    run_now(world, rule)
    return {**rule, "facebook_page_id": page["facebook_page_id"]}


def holding(*hands, **said):
    """What a worker says that has so many contacts of each automation in hand."""
    rules = {str(rule["id"]): contacts for rule, contacts in hands}
    return {"rules": rules, "rooms": {}, "room": PLACES, "alone": {}, **said}


def rooms(stage, *pairs):
    """How many more the worker wants of whom it knows by the model, or by the page."""
    by = "model" if stage == "eligible" else "facebook_page_id"
    return {rule[by]: contacts for rule, contacts in pairs}


def taken(jobs, *rules):
    counts = Counter(job["rule_id"] for job in jobs)
    return tuple(counts[rule["id"]] for rule in rules)


@pytest.fixture(params=["eligible", "ready_to_send"])
def stage(request):
    return request.param


@pytest.fixture
def worker(world):
    return Worker(world.connection)


def bring(worker, stage):
    """Everybody on their way is where `stage` is claimed from."""
    worker.check()
    if stage == "ready_to_send":
        worker.write()


@pytest.fixture
def two(world, worker, stage):
    """Automations of two owners, each with a model of its own and forty contacts."""
    rules = [queue(world, 40, model=model) for model in ("gemini-a", "gemini-b")]
    bring(worker, stage)
    return rules


@pytest.fixture
def alone(world, worker, stage):
    """The only automation there is, with forty contacts."""
    rule = queue(world, 40)
    bring(worker, stage)
    return rule


def test_a_place_that_comes_free_goes_to_who_holds_less(two, worker, stage):
    one, other = two

    jobs = [worker.claim(stage, 1, in_hand=holding((one, 3), (other, 2)))]
    jobs += [worker.claim(stage, 1, in_hand=holding((one, 1), (other, 4)))]

    assert [taken(claim, one, other) for claim in jobs] == [(0, 1), (1, 0)]


def test_two_owners_come_to_the_same_number_in_hand(two, worker, stage):
    slow, quick = two
    hands = {slow["id"]: 6, quick["id"]: 0}
    # One call of the slow one ends now and then; the other's have all ended by the next claim.
    for _ in range(8):
        hands[slow["id"]] -= 1
        free = 6 - hands[slow["id"]]
        in_hand = holding((slow, hands[slow["id"]]))
        came = taken(worker.claim(stage, free, in_hand=in_hand), slow, quick)
        hands = {slow["id"]: hands[slow["id"]] + came[0], quick["id"]: came[1]}

    assert list(hands.values()) == [3, 3]


def test_who_holds_more_than_its_share_gets_what_nobody_else_wants(alone, worker, stage):
    jobs = worker.claim(stage, 1, in_hand=holding((alone, 5)))

    assert len(jobs) == 1


def test_contacts_of_a_deleted_automation_are_in_nobodys_way(two, worker, stage):
    one, other = two
    nobody = {"id": "00000000-0000-0000-0000-000000000000"}

    jobs = worker.claim(stage, 4, in_hand=holding((nobody, 2)))

    assert taken(jobs, one, other) == (2, 2)


def test_who_is_slow_gets_no_more_than_the_worker_wants_of_it(two, worker, stage):
    slow, other = two
    slow_is_full = {"rooms": rooms(stage, (slow, 0), (other, 5)), "room": 3}

    jobs = worker.claim(stage, 3, in_hand=holding((slow, 3), **slow_is_full))

    assert taken(jobs, slow, other) == (0, 3)


def test_places_stay_free_when_only_the_slow_one_is_due(world, worker, stage):
    slow = queue(world, 40, model="gemini-a")
    queue(world, 0, model="gemini-b")
    bring(worker, stage)

    of_unknown = worker.claim(stage, PLACES, in_hand=holding(room=3))
    slow_is_full = {"rooms": rooms(stage, (slow, 0)), "room": 3}
    more = worker.claim(stage, 3, in_hand=holding((slow, 3), **slow_is_full))

    assert (len(of_unknown), more) == (3, [])


def test_a_quick_one_alone_gets_all_places_it_is_wanted_for(two, worker, stage):
    quick, other = two
    told = {"rooms": rooms(stage, (quick, 5), (other, 0)), "room": 3}

    assert taken(worker.claim(stage, 6, in_hand=holding(**told)), quick, other) == (5, 0)


def test_where_nobody_else_can_come_all_places_are_given_out(alone, worker, stage):
    told = {"rooms": rooms(stage, (alone, 0)), "room": 3}

    assert len(worker.claim(stage, 3, in_hand=holding((alone, 3), **told))) == 3


def test_where_there_is_one_place_whoever_is_slow_may_have_it(two, worker, stage):
    slow, other = two
    told = {"rooms": rooms(stage, (slow, 1)), "room": 1}
    worker.claim(stage, 40, in_hand=holding((other, 0), room=40, rooms=rooms(stage, (slow, 0))))

    assert taken(worker.claim(stage, 1, in_hand=holding(**told)), slow, other) == (1, 0)


def test_an_older_worker_that_says_nothing_shares_the_places_of_its_claim(two, worker, stage):
    assert taken(worker.claim(stage, 6), *two) == (3, 3)


def test_a_model_that_hangs_holds_up_no_other_of_the_same_page(world, worker):
    page = world.page(world.user())
    hanging, working = (world.rule(page, model=model) for model in ("gemini-a", "gemini-b"))
    for _ in range(30):
        world.contact(page)
    run_now(world, hanging)
    worker.check()
    world.rows(
        "update public.ai_automation_contact_states set rule_id = %s"
        " where id in (select s.id from public.ai_automation_contact_states as s"
        " order by s.id desc limit 4) returning id",
        working["id"],
    )

    told = {"rooms": {"gemini-a": 1}, "room": 3}
    jobs = worker.claim("eligible", 6, in_hand=holding((hanging, 2), **told))

    assert taken(jobs, hanging, working) == (1, 3)


def test_a_model_in_trouble_that_is_the_only_one_gets_nobody_but_whom_it_is_tried_with(
    world, worker
):
    rule = queue(world, 9)
    worker.check()

    claims = [worker.claim("eligible", 6, in_hand=holding(alone={"": n})) for n in (0, 1)]

    assert [taken(claim, rule) for claim in claims] == [(0,), (1,)]


def test_what_an_owner_holds_with_another_page_counts_with_its_own(world, worker):
    one = queue(world, 40)
    elsewhere = queue(world, 0, world.page({"id": one["user_id"]}))
    other = queue(world, 40)
    worker.check()

    jobs = worker.claim("eligible", 3, in_hand=holding((elsewhere, 3)))

    assert taken(jobs, one, other) == (0, 3)


def test_the_rooms_of_a_page_are_those_of_all_its_owners(world, worker):
    one = queue(world, 20)
    shared = {"facebook_page_id": one["facebook_page_id"]}
    other = queue(world, 20, world.page(world.user(), **shared))
    third = queue(world, 20)
    bring(worker, "ready_to_send")

    told = {"rooms": {one["facebook_page_id"]: 0}, "room": 3}
    jobs = worker.claim("ready_to_send", 3, in_hand=holding((one, 2), (other, 1), **told))

    assert taken(jobs, one, other, third) == (0, 0, 3)
