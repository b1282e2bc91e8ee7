"""This file is where ten thousand malformed callbacks reach the server, and none gets through."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.builders import Row
from tests.pages.conftest import session_of
from tests.running import Stack

BODIES, CONNECTIONS, CLAIMS = 10_000, 8, 30
CALLBACK = "/_dash-update-component"
PLAUSIBLE = {"pathname": "/contacts", "search": ""}
JUNK: list[Any] = [None, 0, -1.5, True, "", "x.y", [], [[]], {}, {"a": 1}, [None], "\u0000", 10**30]


VALUES = [
    *("/", "/contacts", "?q=%00&page=x&stage=failed", "/automations/x/monitor"),
    *JUNK,
    {"rule_id": 5},
    {"rule_id": "x", "act": "run"},
    {"id": 2**70},
    {"ids": [None, 2**80]},
]


def honest(callback: Row) -> Row:
    """What Dash's renderer would send for this callback."""
    name = callback["output"]
    outputs = [
        dict(zip(("id", "property"), each.rsplit(".", 1), strict=True)) for each in parts(name)
    ]
    return {
        "output": name,
        "outputs": outputs if name.startswith("..") else outputs[0],
        "inputs": [
            {**each, "value": PLAUSIBLE.get(each["property"])} for each in callback["inputs"]
        ],
        "state": [{**each, "value": None} for each in callback["state"]],
        "changedPropIds": [f"{each['id']}.{each['property']}" for each in callback["inputs"][:1]],
    }


def parts(name: str) -> list[str]:
    return name.strip(".").split("...")


def cut(body: Row, chance: random.Random) -> bytes:
    raw = json.dumps(body).encode()
    return raw[: chance.randrange(len(raw))]


def no_text(body: Row, chance: random.Random) -> bytes:
    raw = json.dumps(body).encode()
    place = chance.randrange(len(raw))
    return raw[:place] + chance.choice((b"\xff", b"\xc0\x80", b"\x00")) + raw[place:]


def another_kind(body: Row, chance: random.Random) -> bytes:
    return json.dumps(chance.choice([each for each in JUNK if each != {}] + [[body]])).encode()


def another_type(body: Row, chance: random.Random) -> bytes:
    name = chance.choice(("output", "outputs", "inputs"))
    wrong = [each for each in JUNK if not (name == "inputs" and each == body["inputs"])]
    return json.dumps({**body, name: chance.choice(wrong)}).encode()


def without(body: Row, chance: random.Random) -> bytes:
    name = chance.choice(("output", "outputs", "inputs"))
    return json.dumps({key: value for key, value in body.items() if key != name}).encode()


def other_names(body: Row, chance: random.Random) -> bytes:
    changed = json.loads(json.dumps(body))
    which = chance.choice([each for each in ("inputs", "state") if body[each]])
    entry = chance.choice(changed[which])
    entry[chance.choice(("id", "property"))] = chance.choice(JUNK)
    return json.dumps(changed).encode()


def more_or_fewer(body: Row, chance: random.Random) -> bytes:
    inputs = body["inputs"]
    return json.dumps(
        {**body, "inputs": chance.choice((inputs * 2, inputs[1:], [inputs]))}
    ).encode()


def who_changed(body: Row, chance: random.Random) -> bytes:
    junk = [each for each in JUNK if each != []]
    return json.dumps({**body, "changedPropIds": chance.choice(junk)}).encode()


def no_number(body: Row, chance: random.Random) -> bytes:
    value = chance.choice(("NaN", "Infinity", "-Infinity", "1e999", r'"\ud800"', "[" * 20_000))
    return json.dumps({**body, "more": "?"}).replace('"?"', value).encode()


WAYS: list[Callable[[Row, random.Random], bytes]] = [
    *(cut, no_text, another_kind, another_type, without),
    *(other_names, more_or_fewer, who_changed, no_number),
]


async def send(address: str, cookie: str, bodies: list[bytes]) -> Counter[int]:
    """One connection, body after body; how often which status came back."""
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    seen: Counter[int] = Counter()
    head = f"POST {CALLBACK} HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\n"
    for body in bodies:
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write((head + kind).encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        seen[int(answer.split()[1])] += 1
        length = answer.partition("content-length:")[2].partition("\r\n")[0]
        await reader.readexactly(int(length))
    writer.close()
    return seen


def test_no_malformed_callback_is_accepted_and_none_is_an_error_of_ours(stack: Stack) -> None:
    session = session_of(stack, stack.demo_email, stack.demo_password)["cookies"][0]
    cookie = f"{session['name']}={session['value']}"
    address = f"{stack.dashboard_url}/_dash-dependencies"
    known = httpx.get(address, headers={"cookie": cookie}, trust_env=False).json()
    callbacks = [honest(each) for each in known if not each["clientside_function"]]
    chance = random.Random(6)  # noqa: S311
    bodies = [chance.choice(WAYS)(chance.choice(callbacks), chance) for _ in range(BODIES)]

    async def everything() -> Counter[int]:
        shares = [bodies[start::CONNECTIONS] for start in range(CONNECTIONS)]
        found = await asyncio.gather(
            *(send(stack.dashboard_url, cookie, share) for share in shares)
        )
        return sum(found, Counter())

    assert len(callbacks) > 10
    assert asyncio.run(everything()) == {400: BODIES}


def test_whatever_value_a_browser_claims_no_callback_breaks(stack: Stack) -> None:
    session = session_of(stack, stack.demo_email, stack.demo_password)["cookies"][0]
    chance = random.Random(7)  # noqa: S311
    with httpx.Client(base_url=stack.dashboard_url, trust_env=False) as http:
        http.headers["cookie"] = f"{session['name']}={session['value']}"
        known = http.get("/_dash-dependencies").json()
        for callback in [each for each in known if not each["clientside_function"]]:
            for _ in range(CLAIMS):
                body = honest(callback)
                for entry in body["inputs"] + body["state"]:
                    entry["value"] = chance.choice(VALUES)
                answer = http.post(CALLBACK, json=body)
                assert answer.status_code in (200, 204, 400), body
                assert "went wrong on our side" not in answer.text, body
