"""This file is where requests that nobody honest would send are judged."""

import json

import pytest

from api.checks import is_callback_body, is_cross_site, safe_next

CALLBACKS = {
    "out.data": {
        "inputs": [{"id": "button", "property": "n_clicks"}],
        "state": [{"id": "text", "property": "value"}],
    },
    "..a.data...b.children..": {"inputs": [{"id": "in", "property": "data"}], "state": []},
}
GOOD = {
    "output": "out.data",
    "outputs": {"id": "out", "property": "data"},
    "inputs": [{"id": "button", "property": "n_clicks", "value": 1}],
    "state": [{"id": "text", "property": "value"}],
    "changedPropIds": ["button.n_clicks"],
}


@pytest.mark.parametrize(
    ("path", "goes_to"),
    [
        ("/", "/"),
        ("/contacts", "/contacts"),
        ("/automations/1/monitor?stage=failed&q=a%20b", None),
        ("", "/"),
        (None, "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
        ("/a\\..\\b", "/"),
        ("/\tevil", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("/a\x00b", "/"),
        (" /contacts", "/"),
    ],
)
def test_sign_in_leads_only_to_this_site(path, goes_to):
    assert safe_next(path) == (path if goes_to is None else goes_to)


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"origin": "http://127.0.0.1:8050"}, False),
        ({"origin": "http://127.0.0.1:8050", "sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"origin": "http://evil.example"}, True),
        ({"origin": "http://127.0.0.1:9999"}, True),
        ({"origin": "null"}, True),
        ({"origin": "http://["}, True),
        ({"origin": ""}, True),
    ],
)
def test_another_sites_page_cannot_act_here(headers, refused):
    assert is_cross_site({"host": "127.0.0.1:8050", **headers}) is refused


def test_what_dash_sends_is_a_callback():
    several = {
        "output": "..a.data...b.children..",
        "outputs": [{"id": "a", "property": "data"}, {"id": "b", "property": "children"}],
        "inputs": [{"id": "in", "property": "data", "value": None}],
        "changedPropIds": [],
    }
    for body in (GOOD, several):
        assert is_callback_body(json.dumps(body).encode(), CALLBACKS)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps(GOOD).replace('"value": 1', '"value": NaN').encode(),
        json.dumps(GOOD).replace('"value": 1', '"value": -Infinity').encode(),
        json.dumps(GOOD).replace('"value": 1', '"value": 1e999').encode(),
        json.dumps(GOOD).replace('"value": 1', '"value": "one"').encode(),
        json.dumps(GOOD).replace('"value": 1', '"value": {"a": 1}').encode(),
        json.dumps(GOOD)
        .replace('"n_clicks", "value": 1', r'"n_clicks", "more": "\ud800"')
        .encode(),
        *(
            json.dumps({**GOOD, **change}).encode()
            for change in (
                {"output": "unknown.data"},
                {"output": ["out.data"]},
                {"output": None},
                {"outputs": None},
                {"outputs": []},
                {"outputs": {"id": "other", "property": "data"}},
                {"outputs": [{"id": "out", "property": "data"}] * 2},
                {"outputs": {"id": {"a": 1}, "property": "data"}},
                {"inputs": "text"},
                {"inputs": None},
                {"inputs": []},
                {"inputs": [None]},
                {"inputs": [[]]},
                {"inputs": [{"id": "other", "property": "n_clicks"}]},
                {"inputs": GOOD["inputs"] * 2},
                {"state": []},
                {"state": {"a": 1}},
                {"changedPropIds": "text"},
                {"changedPropIds": [1]},
            )
        ),
    ],
)
def test_anything_else_is_refused_before_dash_sees_it(body):
    assert not is_callback_body(body, CALLBACKS)
