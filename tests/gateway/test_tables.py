"""This file is where reading tables through supabase-py is shown to work as on the platform."""

import datetime as dt
from typing import Any

import pytest
from postgrest.exceptions import APIError

from tests.gateway.conftest import Person, Served

pytestmark = pytest.mark.usefixtures("items")


def names(response: Any) -> list[str]:
    return sorted(row["name"] for row in response.data)


FILTERS = {
    "eq": (lambda q: q.eq("name", "n3"), "n3"),
    "neq": (lambda q: q.neq("qty", 3).lt("qty", 5), "n0 n1 n2 n4"),
    "gt and lte": (lambda q: q.gt("qty", 3).lte("qty", 5), "n4 n5"),
    "gte and lt": (lambda q: q.gte("qty", 3).lt("qty", 5), "n3 n4"),
    "in": (lambda q: q.in_("name", ["n1", "n2", 'a,"b']), "n1 n2"),
    "in nothing": (lambda q: q.in_("name", []), ""),
    "is null": (lambda q: q.is_("done", None), "n1 n3 n5 n7 n9"),
    "is not null": (lambda q: q.not_.is_("done", None), "n0 n2 n4 n6 n8"),
    "is true": (lambda q: q.is_("done", True), "n0 n2 n4 n6 n8"),
    "equal to None is never true": (lambda q: q.eq("name", None), ""),
    "not": (lambda q: q.not_.gt("qty", 1), "n0 n1"),
    "or": (lambda q: q.or_("name.eq.n1,and(qty.gte.8,qty.lte.8)"), "n1 n8"),
    "or with quotes": (lambda q: q.or_('name.eq."n1",name.in.("n2","n3")'), "n1 n2 n3"),
    "or with not": (lambda q: q.or_("qty.not.gt.0,not.and(qty.lt.9,qty.gt.0)"), "n0 n9"),
    "not or": (lambda q: q.not_.or_("name.eq.n9,qty.lt.8"), "n8"),
    "two ors": (lambda q: q.or_("qty.eq.1,qty.eq.2").or_("qty.eq.2,qty.eq.3"), "n2"),
    "like": (lambda q: q.like("name", "n%").eq("qty", 2), "n2"),
    "ilike with stars": (lambda q: q.ilike("name", "*N1*"), "n1"),
    "like any of": (lambda q: q.like_any_of("name", "n1,n2%"), "n1 n2"),
    "match": (lambda q: q.filter("name", "match", "^n[12]$"), "n1 n2"),
    "contains a list": (lambda q: q.contains("tags", ["y z"]), "n0 n1"),
    "contains an object": (lambda q: q.contains("meta", {"k": "v4"}), "n4"),
    "contained by": (lambda q: q.contained_by("tags", ["x", "y z", "q"]).lt("qty", 3), "n0 n1 n2"),
    "is unknown": (lambda q: q.filter("done", "is", "unknown").lt("qty", 4), "n1 n3"),
    "distinct from": (lambda q: q.filter("done", "isdistinct", "true").lt("qty", 4), "n1 n3"),
    "overlaps": (lambda q: q.overlaps("tags", ["x", "q"]), "n0 n1"),
    "text inside json": (lambda q: q.eq("meta->>k", "v5"), "n5"),
    "deep inside json": (lambda q: q.eq("meta->n->>m", "6"), "n6"),
    "full text": (lambda q: q.text_search("name", "n7 or n8", {"type": "web_search"}), "n7 n8"),
    "datetime": (
        lambda q: q.gte("created_at", dt.datetime(2026, 1, 9, tzinfo=dt.UTC)).lt(
            "created_at", "2026-01-10T00:00:00+00:00"
        ),
        "n8",
    ),
    "match of several": (lambda q: q.match({"name": "n1", "qty": 1}), "n1"),
}


@pytest.mark.parametrize("case", FILTERS)
def test_a_filter_finds_what_it_says(ada: Person, case: str) -> None:
    narrow, expected = FILTERS[case]

    assert names(narrow(ada.client.table("items").select("name")).execute()) == expected.split()


RANGES = {
    "strictly left of": ("sl", "(10,20)", [1, 2]),
    "strictly right of": ("sr", "[5,10)", [3]),
    "not to the right of": ("nxr", "[1,9)", [1, 2]),
    "not to the left of": ("nxl", "[5,6)", [2, 3]),
    "adjacent to": ("adj", "[9,20)", [2, 3]),
    "overlapping": ("ov", "[4,6)", [1, 2]),
    "containing": ("cs", "[21,22)", [3]),
    "contained by": ("cd", "[0,10)", [1, 2]),
}


@pytest.mark.parametrize("case", RANGES)
def test_ranges_are_compared(ada: Person, case: str) -> None:
    operator, value, expected = RANGES[case]
    query = ada.client.table("spans").select("id").filter("during", operator, value).order("id")
    query = query.lt("id", 1000)

    assert [row["id"] for row in query.execute().data] == expected


def test_columns_can_be_renamed_cast_and_taken_out_of_json(ada: Person) -> None:
    query = ada.client.table("items").select("nm:name,qty::text,meta->>k,meta->n->m,x:meta->n->>m")

    assert query.eq("name", "n2").execute().data == [
        {"nm": "n2", "qty": "2", "k": "v2", "m": 2, "x": "2"}
    ]


def test_a_number_inside_a_json_list_is_named_after_the_list(ada: Person) -> None:
    query = ada.client.table("numbers").select("doc->list->0, doc->list->>-1").eq("id", 5)

    assert query.execute().data == [{"list": 5}] or query.execute().data == [{"list": "6"}]


def test_rows_come_in_the_order_asked_for_and_page_by_page(ada: Person) -> None:
    query = ada.client.table("items").select("qty").order("done", desc=True, nullsfirst=False)

    page = query.order("qty", desc=True).limit(3).offset(1).execute()

    assert [row["qty"] for row in page.data] == [6, 4, 2]


def test_a_range_counts_from_its_first_row(ada: Person) -> None:
    page = ada.client.table("numbers").select("id", count="exact").order("id").range(10, 12)

    found = page.execute()

    assert ([row["id"] for row in found.data], found.count) == ([11, 12, 13], 1500)


def test_an_answer_holds_a_thousand_rows_at_most(ada: Person) -> None:
    assert len(ada.client.table("numbers").select("id").execute().data) == 1000
    assert len(ada.client.table("numbers").select("id").limit(1400).execute().data) == 1000


def test_counting_without_rows_needs_no_body(ada: Person) -> None:
    assert ada.client.table("numbers").select("*", count="exact", head=True).execute().count == 1500


def test_a_page_behind_the_last_row_is_refused_when_counted(ada: Person) -> None:
    with pytest.raises(APIError) as refused:
        ada.client.table("numbers").select("id", count="exact").range(9000, 9001).execute()
    assert refused.value.code == "PGRST103"

    assert ada.client.table("numbers").select("id").range(9000, 9001).execute().data == []


def test_single_wants_exactly_one_row(ada: Person) -> None:
    table = ada.client.table("items")

    assert table.select("name").eq("name", "n1").single().execute().data == {"name": "n1"}
    for wanted, count in (("zzz", 0), (None, 10)):
        query = table.select("name")
        query = query.eq("name", wanted) if wanted else query
        with pytest.raises(APIError) as refused:
            query.single().execute()
        assert refused.value.code == "PGRST116"
        assert refused.value.details == f"The result contains {count} rows"


def test_maybe_single_gives_none_for_no_row(ada: Person) -> None:
    table = ada.client.table("items")

    assert table.select("name").eq("name", "zz").maybe_single().execute() is None
    with pytest.raises(APIError) as refused:
        table.select("name").like("name", "n%").maybe_single().execute()
    assert refused.value.code == "406"


def test_nulls_can_be_left_out_and_csv_asked_for(ada: Person) -> None:
    query = ada.client.table("items").select("name,done").in_("name", ["n0", "n1"]).order("id")

    assert query.strip_nulls().execute().data == [{"name": "n0", "done": True}, {"name": "n1"}]
    csv = ada.client.table("items").select("name,qty").eq("name", "n1").csv().execute()
    assert csv.data == "name,qty\nn1,1"


def test_awkward_names_are_just_names(ada: Person) -> None:
    table = ada.client.table("odd %s names")

    assert table.select("*").execute().data == [
        {
            "_row": 1,
            "answer": 2,
            "a%(x)s": "three",
            "semi;colon": "four",
            'quo"te': "five",
            "{brace}": 6,
            "Größe": "sieben",
        }
    ]
    picked = table.select('"a%(x)s","x%s{}":"semi;colon","quo\\"te"').eq("Größe", "sieben")
    assert picked.or_('"{brace}".eq.6').order('"a%(x)s"').execute().data == [
        {"a%(x)s": "three", "x%s{}": "four", 'quo"te': "five"}
    ]


def test_everyone_sees_their_own_rows_only(gateway: Served, ada: Person, bob: Person) -> None:
    assert len(ada.client.table("items").select("id").execute().data) == 10
    assert names(bob.client.table("items").select("name").execute()) == ["bobs"]
    assert gateway.service.table("items").select("id", count="exact").execute().count == 11
    assert bob.client.table("item_stats").select("n,total").execute().data == [{"n": 1, "total": 1}]


REFUSED = {
    "a table that is not there": (lambda c: c.table("itemz").select("*"), "PGRST205"),
    "a table without a grant": (lambda c: c.table("ungranted").select("*"), "42501"),
    "a column that is not there": (lambda c: c.table("items").select("nope"), "42703"),
    "a filter on a column that is not there": (
        lambda c: c.table("items").select("id").eq("nope", 1),
        "42703",
    ),
    "a value of the wrong type": (lambda c: c.table("items").select("id").eq("qty", "x"), "22P02"),
    "a schema that is not exposed": (
        lambda c: c.schema("auth").table("users").select("*"),
        "PGRST106",
    ),
    "an aggregate": (lambda c: c.table("items").select("qty.sum()"), "PGRST123"),
    "a count in the select": (lambda c: c.table("items").select("count()"), "PGRST123"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_platform_refuses_is_refused_with_its_code(ada: Person, case: str) -> None:
    ask, code = REFUSED[case]

    with pytest.raises(APIError) as refused:
        ask(ada.client).execute()

    assert refused.value.code == code


def test_a_misspelt_table_is_answered_with_the_right_name(ada: Person) -> None:
    with pytest.raises(APIError) as refused:
        ada.client.table("itemz").select("*").execute()

    assert refused.value.hint == "Perhaps you meant the table 'public.items'"


LEFT_OUT = {
    "a cast to an unknown type": lambda c: c.table("items").select("qty::money"),
    "a planned count": lambda c: c.table("items").select("*", count="planned"),
    "an estimated count": lambda c: c.table("items").select("*", count="estimated"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_is_left_out_says_so(ada: Person, case: str) -> None:
    with pytest.raises(APIError) as refused:
        LEFT_OUT[case](ada.client).execute()

    assert refused.value.code == "PGRST127"
    assert refused.value.message == "Feature not implemented"
