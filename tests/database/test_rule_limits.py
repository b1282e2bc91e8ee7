"""This file is where the form's limits are compared with the database's, which decide."""

import re

import pytest
from psycopg import errors

from pages._components import rule_fields as fields
from pages._components.week import spans


@pytest.fixture(scope="module")
def checks(shared_world):
    """The database's own words for every CHECK and reference of an automation, by name."""
    rows = shared_world.rows(
        "select conname, pg_get_constraintdef(oid) as words from pg_constraint"
        " where conrelid = 'public.ai_automation_rules'::regclass and contype in ('c', 'f')"
    )
    return {row["conname"]: row["words"] for row in rows}


@pytest.mark.parametrize(
    ("constraint", "numbers"),
    [
        ("name_fits", (1, fields.NAME_MOST)),
        ("tags_are_few", (fields.TAGS_MOST, fields.TAGS_MOST)),
        ("wait_is_possible", fields.WAIT_MINUTES),
        ("follow_ups_are_few", fields.FOLLOW_UPS),
        ("daily_limit_is_possible", fields.DAILY_LIMIT),
        ("prompt_fits", (fields.PROMPT_MOST,)),
        ("language_fits", (fields.WORD_MOST,)),
        ("model_fits", (fields.WORD_MOST,)),
        ("schedule_is_possible", fields.RUN_EVERY_MINUTES),
    ],
)
def test_the_form_has_the_databases_limits(checks, constraint, numbers):
    words = checks[f"ai_automation_rules_{constraint}"]

    assert tuple(map(int, re.findall(r"\b\d+\b", words))) == numbers


def test_a_tag_may_be_as_long_as_in_the_database(shared_world):
    page = shared_world.page(shared_world.user())

    shared_world.rule(page, include_tags=["x" * fields.TAG_MOST])
    with pytest.raises(errors.StringDataRightTruncation):
        shared_world.rule(page, include_tags=["x" * (fields.TAG_MOST + 1)])


def test_every_rule_of_the_database_has_a_field_to_say_it_at(checks):
    not_a_setting = {
        "ai_automation_rules_user_id_fkey",
        "ai_automation_rules_include_mode_is_known",
        "ai_automation_rules_deleted_is_off",
    }

    assert set(checks) - not_a_setting == set(fields.FIELD_OF)


def test_a_new_form_begins_with_the_databases_defaults(shared_world):
    page = shared_world.page(shared_world.user())
    row = shared_world.insert(
        "public.ai_automation_rules", user_id=page["user_id"], page_id=page["id"], name="x"
    )

    defaults = {name: row[name] for name in fields.NEW}
    assert {
        name: value if not hasattr(value, "isoformat") else value.isoformat()
        for name, value in defaults.items()
    } == {**fields.NEW, "name": "x"}


def test_every_zone_on_the_list_is_one_for_the_database(shared_world):
    unknown = shared_world.rows(
        "select z from unnest(%s::text[]) as z where not exists"
        " (select 1 from pg_timezone_names as n where n.name = z)",
        list(fields.zones()),
    )

    assert len(fields.zones()) > 400
    assert unknown == []


def test_a_zone_that_is_none_is_refused_by_the_database_too(shared_world):
    page = shared_world.page(shared_world.user())

    with pytest.raises(errors.InvalidParameterValue, match="time zone"):
        shared_world.rule(page, time_zone="Europe/Belrin")


@pytest.mark.parametrize(
    ("days", "start", "end"),
    [
        ([1, 2, 3, 4, 5], "09:00:00", "20:00:00"),
        ([5, 7], "22:00:00", "06:00:00"),
        ([2], "00:00:00", "24:00:00"),
        ([6], "18:30:00", "00:00:00"),
    ],
)
def test_the_picture_of_the_week_shows_what_the_database_decides(shared_world, days, start, end):
    drawn = spans(days, start, end, always=False)
    monday = shared_world.rows("select date_trunc('week', now() at time zone 'UTC') as at")[0]["at"]

    for quarter in range(0, 7 * 96, 3):
        [answer] = shared_world.rows(
            "select open_now from public.active_hours(%s, %s, %s, 'UTC',"
            " (%s + make_interval(mins => %s)) at time zone 'UTC')",
            days,
            start,
            end,
            monday,
            quarter * 15,
        )
        minute = quarter * 15 % 1440
        shown = any(opens <= minute < closes for opens, closes in drawn[quarter * 15 // 1440])
        assert shown == answer["open_now"], quarter
