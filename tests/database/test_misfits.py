"""This file is where the database refuses the same texts as the step that sends them."""

import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.legible import is_blank
from pipeline.steps.text_checks import find_misfit, length
from tests.misfits import CASES

# What PostgreSQL can hold: neither NUL nor half a sign.
SIGNS = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code <= 0xDFFF]
UNICODE_IN_SQL = "14.0.0"
# Where the two could part: turns, marks, joiners, ends of lines, signs of two units.
TRICKY = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u0301\u0489\u200d\n\r\x0b\x1c\x1d"
MORE = "\x85\u2028\u2029\u2800\u3164\U000e0041\u0903aé😊 "


@pytest.fixture(scope="module")
def misfits_of(shared_world):
    """Asks about many texts at once."""

    def ask(texts):
        rows = shared_world.rows(
            "select coalesce(public.misfit_of(t.said), '') as code"
            " from unnest(%s::text[]) with ordinality as t (said, place) order by t.place",
            list(texts),
        )
        return [row["code"] for row in rows]

    return ask


def of_python(text):
    fault = find_misfit(text)
    return fault.code if fault else ""


def test_the_database_and_the_sending_step_say_the_same_of_every_listed_text(misfits_of):
    said = misfits_of([text for text, _ in CASES])

    expected = [(ascii(text[:40]), code) for text, code in CASES]
    assert [
        (ascii(text[:40]), code) for (text, _), code in zip(CASES, said, strict=True)
    ] == expected
    assert [(ascii(text[:40]), of_python(text)) for text, _ in CASES] == expected


@given(
    st.lists(
        st.one_of(
            st.text(max_size=40).filter(lambda text: "\0" not in text),
            st.text(alphabet=TRICKY + MORE, max_size=30),
            st.builds(
                lambda sign, times: sign * times, st.sampled_from("😊é\u0301"), st.integers(5, 2000)
            ),
        ),
        min_size=20,
        max_size=20,
    )
)
@settings(max_examples=30)
def test_they_say_the_same_of_whatever_is_written(misfits_of, parts):
    texts = [*parts, "".join(parts)]

    assert misfits_of(texts) == [of_python(text) for text in texts]


def test_the_signs_named_in_sql_are_those_of_unicode(shared_world):
    [kinds] = shared_world.rows(
        "select public.signs_of('mark') as mark, public.signs_of('format') as format,"
        " public.signs_of('space') as space"
    )
    named = {kind: set(in_class(shared_world, signs)) for kind, signs in kinds.items()}
    ours = {
        "mark": {sign for sign in SIGNS if unicodedata.category(sign) in ("Mn", "Me")},
        "format": {sign for sign in SIGNS if unicodedata.category(sign) == "Cf"},
    }
    ours["space"] = {sign for sign in SIGNS if is_blank(sign)} - ours["mark"] - ours["format"]

    for kind, signs in ours.items():
        assert sorted(named[kind] - signs) == []
        # A newer Python knows newer marks, which the database takes for letters.
        if unicodedata.unidata_version == UNICODE_IN_SQL:
            assert sorted(signs - named[kind]) == []


def in_class(world, signs) -> Iterator[str]:
    """Which signs of all a regular expression of PostgreSQL finds in these brackets."""
    for start in range(0, len(SIGNS), 100_000):
        [row] = world.rows(
            "select regexp_replace(%s, '[^' || %s || ']+', '', 'g') as left",
            "".join(SIGNS[start : start + 100_000]),
            signs,
        )
        yield from row["left"]


def test_a_length_is_counted_as_facebook_may_count_it(shared_world):
    texts = ["", "abc", "é字", "😊", "👩\u200d👧", "a😊b"]
    rows = shared_world.rows(
        "select public.length_of_message(t.said) as long from unnest(%s::text[])"
        " with ordinality as t (said, place) order by t.place",
        texts,
    )

    assert [row["long"] for row in rows] == [length(text) for text in texts]
