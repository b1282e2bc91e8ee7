"""This file is where numbers are written as Prometheus reads them."""

from api.metrics import end_of, histogram, kind_of, told_by_database

SUMS = {
    "stages": {"queued": {"contacts": 3, "oldest_seconds": 12.5}},
    "lost": 1,
    "pages": {"active": 2},
    "workers": 1,
    "receivers": 0,
    "totals": [["sent", 0, 4, 4, 0.02], ["sent", 40, 0, 2, 28.0], ["sent", 90, 0, 1, 130_000.0]],
}


def test_a_histogram_grows_to_its_count_and_never_says_too_much():
    lines = list(histogram("stage_seconds", SUMS["totals"]))
    buckets = [int(line.split()[-1]) for line in lines if "_bucket" in line]

    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[-1]) == (4, 7)
    assert 'stagelight_stage_seconds_sum{stage="sent"} 130028.020' in lines
    assert end_of(40) > 10


def test_every_sum_has_its_line():
    lines = list(told_by_database(SUMS))

    for line in (
        'stagelight_contacts{stage="queued"} 3',
        'stagelight_queue_age_seconds{stage="queued"} 12.500',
        "stagelight_contacts_lost 1",
        'stagelight_pages{state="paused"} 0',
        'stagelight_stage_transitions_total{stage="sent"} 4',
    ):
        assert line in lines


def test_requests_are_of_few_kinds_whatever_is_asked_for():
    asked = ("/_dash-update-component", "/api/x", "/assets/a.css", "/_dash-layout", "/'\"\n{}")

    assert [kind_of(path) for path in asked] == ["callback", "api", "asset", "asset", "page"]
