"""This file is where the patches of a stream add up to the snapshot, whatever happened between."""

from hypothesis import given
from hypothesis import strategies as st

from api.patch import is_news, patch
from tests.listener import patched

TEXT = st.text(max_size=3)
CONTACT = st.fixed_dictionaries({"stage": TEXT, "message": TEXT | st.none()})
CONTACTS = st.dictionaries(st.integers(1, 12), CONTACT).flatmap(
    lambda known: st.permutations([{"state_id": key, **row} for key, row in known.items()])
)
SECONDS = st.none() | st.floats(0, 99)
STAGE = st.fixed_dictionaries(
    {"contacts": st.integers(0, 3), "average_seconds": SECONDS, "oldest_seconds": SECONDS}
)
SNAPSHOT = st.fixed_dictionaries(
    {
        "now": TEXT,
        "rule": st.fixed_dictionaries({"name": TEXT}),
        "workers": st.fixed_dictionaries({"alive": st.integers(0, 2), "last_beat_at": TEXT}),
        "stages": st.lists(STAGE, min_size=3, max_size=3),
        "contacts": CONTACTS,
        "held_back": st.lists(TEXT),
        "last_run": st.none() | st.fixed_dictionaries({"total": st.integers(0, 3)}),
    }
)


@given(SNAPSHOT, SNAPSHOT)
def test_a_patch_makes_the_next_snapshot_of_the_one_before(before, now):
    assert patched(before, patch(before, now)) == now


def still(**changes):
    stage = {"contacts": 2, "average_seconds": 10.0, "oldest_seconds": 20.0}
    workers = {"alive": 1, "last_beat_at": "a"}
    return {"now": "a", "stages": [stage], "workers": workers, "contacts": [], **changes}


def test_that_time_goes_by_is_no_news_and_that_somebody_changed_places_is():
    grown = {"contacts": 2, "average_seconds": 40.1, "oldest_seconds": 49.9}
    later = still(now="b", stages=[grown], workers={"alive": 1, "last_beat_at": "b"})

    assert not is_news(still(), later, 30)
    assert is_news(still(), still(stages=[{**grown, "average_seconds": 25.0}]), 30)
    assert is_news(still(), still(stages=[{**grown, "oldest_seconds": None}]), 30)
    assert is_news(still(), still(workers={"alive": 0, "last_beat_at": "a"}), 30)


def test_of_a_contact_that_changed_only_that_is_told():
    row = {"state_id": 1, "stage": "queued", "message": "x" * 300}
    before, now = still(contacts=[row]), still(contacts=[{**row, "stage": "sent"}])

    assert patch(before, now) == [{"op": "replace", "path": "/contacts/0/stage", "value": "sent"}]
