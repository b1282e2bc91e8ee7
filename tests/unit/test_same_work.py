"""This file is where the comparison behind the worker's benchmark is shown to see a difference."""

from bench._recorded import RECORDS, differences

ROW = '{"id": 7, "stage": "sent"}'
OTHER = '{"id": 7, "stage": "skipped"}'


def test_the_same_rows_are_no_difference() -> None:
    assert differences({"states": [ROW]}, {"states": [ROW]}) == []


def test_a_value_a_missing_row_and_a_row_too_many_are_told() -> None:
    ours = {"states": [ROW], "history": [ROW, ROW], "messages": [ROW]}
    theirs = {"states": [OTHER], "history": [ROW], "messages": [ROW, ROW]}

    told = differences(ours, theirs)

    assert [line.split(":")[0] for line in told] == ["states", "history", "messages"]


def test_only_clocks_and_random_ids_may_differ() -> None:
    loose = {name for record in RECORDS for name in record.varies}

    assert {name for name in loose if not name.endswith("_at")} == {
        "id",
        "slot",
        "day",
        "attempt_id",
        "facebook_message_id",
        "seconds_in_stage",
    }
