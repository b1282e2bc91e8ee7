"""This file is where random requests are shown never to break or to leak."""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.conftest import Person, Served

# What a run of all tests can afford: 400 requests; `make fuzz` sends 20,000.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "80"))
fuzz = settings(
    max_examples=EXAMPLES,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
pytestmark = pytest.mark.usefixtures("items")

PIECES = [
    "id", "name", "qty", "meta", "tags", "done", "created_at", "nope", "*", ".", ",", ":", "::",
    "(", ")", "->", "->>", "'", '"', "\\", "%", "%s", "%(p0)s", "{", "}", "{}", "eq.", "not.",
    "in.(", "is.", "null", "or", "and(", "like.", "fts(english).", "cs.", "any", "all", "asc",
    "desc", "nullsfirst", "select", "order", "limit", "offset", "1", "-1", "99999999999999999999",
    "NaN", "text", "int", ";", "--", "/*", "$1", "\0", "\n", " ", "=", "&", "é", "\U0001f600",
    "\ud800", "!inner", "...", "!left", "members(", "people(", "lead_id(", "skills!person_skills(",
    "person_id", "count", "members(person_id)", "...people!lead_id(name)", "badges(colour)",
]  # fmt: skip
crooked = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=9).map("".join)
keys = st.sampled_from(
    ["select", "order", "limit", "offset", "or", "not.and", "columns", "on_conflict", "id", "name",
     "qty", "tags", "meta", "meta->>k", "done", "created_at", "members", "members.order",
     "members.or", "members.person_id", "people.limit", "lead_id.name"]
) | crooked  # fmt: skip
tables = st.sampled_from(["items", "teams", "people"])
queries = st.lists(st.tuples(keys, crooked), max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, width=32) | crooked,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(crooked, inner, max_size=3),
    max_leaves=6,
)
columns = st.sampled_from(["name", "qty", "tags", "meta", "done", "price", "created_at", "owner"])
rows = st.dictionaries(columns | crooked, values, max_size=4)
headers = st.dictionaries(
    st.sampled_from(["Prefer", "Accept", "Accept-Profile", "Content-Profile", "Range", "Cookie"]),
    st.sampled_from(
        ["count=exact", "return=representation", "handling=strict, max-affected=1", "tx=rollback",
         "resolution=merge-duplicates", "missing=default", "timezone=UTC", "*/*", "text/csv",
         "application/vnd.pgrst.object+json", "public", "auth", "0-1", "a=b; c"]
    )
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip),
    max_size=3,
)  # fmt: skip


def _encoded(pairs: list[tuple[str, str]]) -> str:
    def escape(text: str) -> str:
        return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass"))

    return "&".join(f"{escape(name)}={escape(text)}" for name, text in pairs)


def _is_a_clean_answer(answer: Any, bob: Person) -> bool:
    # 500 stands for what PostgreSQL itself answers so; the gateway's own would be PGRSTX00.
    text = answer.text
    assert answer.status_code < 500 or answer.json()["code"][:2] in ("54", "21", "40"), text
    assert "PGRSTX00" not in text
    assert "bobs" not in text
    assert bob.id not in text
    return answer.status_code < 300 or bool(answer.json()["message"])


@fuzz
@given(
    table=tables, query=queries, extra=headers, method=st.sampled_from(["GET", "HEAD", "DELETE"])
)
def test_any_query_is_answered_or_refused(
    gateway: Served, ada: Person, bob: Person, table: str, query: Any, extra: Any, method: str
) -> None:
    # What belongs to nobody in particular stays as it is.
    path = f"/rest/v1/{'items' if method == 'DELETE' else table}?{_encoded(query)}"

    answer = gateway.raw(method, path, token=ada.token, headers=extra)

    assert method == "HEAD" or _is_a_clean_answer(answer, bob)


@fuzz
@given(
    query=queries,
    body=rows | st.lists(rows, max_size=3) | values,
    extra=headers,
    method=st.sampled_from(["POST", "PATCH"]),
)
def test_any_body_is_answered_or_refused(
    gateway: Served,
    ada: Person,
    bob: Person,
    query: Any,
    body: Any,
    extra: Any,
    method: str,
) -> None:
    path = f"/rest/v1/items?{_encoded(query)}"
    content = _json(body)

    answer = gateway.raw(method, path, token=ada.token, headers=extra, content=content)

    assert _is_a_clean_answer(answer, bob)


@fuzz
@given(
    function=st.sampled_from(
        ["ping", "people_of", "search_items", "echo", "add_all", "take", "over", "both"]
    ),
    query=st.lists(
        st.tuples(keys | st.sampled_from(["n", "q", "v", "a", "doc", "list", "at"]), crooked),
        max_size=4,
    ),
    body=st.none() | st.dictionaries(st.sampled_from(list("nqvab")) | crooked, values, max_size=3),
    extra=headers,
)
def test_any_call_is_answered_or_refused(
    gateway: Served, ada: Person, bob: Person, function: str, query: Any, body: Any, extra: Any
) -> None:
    path = f"/rest/v1/rpc/{function}?{_encoded(query)}"
    options = {} if body is None else {"content": _json(body)}
    method = "GET" if body is None else "POST"

    answer = gateway.raw(method, path, token=ada.token, headers=extra, **options)

    assert _is_a_clean_answer(answer, bob)


known = st.sampled_from(["email", "password", "refresh_token", "data"])


@fuzz
@given(
    path=st.sampled_from(
        ["token?grant_type=password", "token?grant_type=refresh_token", "token", "signup", "logout"]
    ),
    body=st.dictionaries(known, values, max_size=4)
    | st.dictionaries(known | st.just("role") | crooked, values, max_size=4)
    | values,
)
def test_any_sign_in_is_refused(gateway: Served, bob: Person, path: str, body: Any) -> None:
    answer = gateway.raw("POST", f"/auth/v1/{path}", content=_json(body))

    assert 400 <= answer.status_code < 500 or answer.json()["code"] == "not_implemented"
    assert "bobs" not in answer.text
    assert bob.id not in answer.text


@fuzz
@given(token=st.lists(crooked, min_size=1, max_size=4).map(".".join), key=crooked | st.just(None))
def test_any_token_but_ours_is_refused(gateway: Served, token: str, key: str | None) -> None:
    sent = {"Authorization": b"Bearer x" + _header(token)}
    if key is not None:
        sent["apikey"] = _header(key)

    answer = gateway.raw("GET", "/rest/v1/rpc/whoami", headers=sent)

    assert answer.status_code == 401, answer.text


def _header(text: str) -> bytes:
    return text.encode(errors="surrogatepass").translate(CLEAN).strip()


CLEAN = bytes(byte if 32 <= byte != 127 else 63 for byte in range(256))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
