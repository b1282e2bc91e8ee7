"""This file is where ten thousand malformed bodies are posted: none is a 5xx, none is accepted."""

import json
import random

from tests.receiver.telling import body_of, item, message, now_ms, signed, signed_request

BODIES = 10_000
SEED = 20261123
WRONG = (
    *(None, True, -1, 0.5, 10**30, "", " ", "x" * 300, [], {}, [[]], [None], {"id": 7}),
    *(
        "\x00",
        "\ud800",
        {"id": ""},
        {"id": ["1"]},
        [{}],
        "'; drop table contacts; --",
        float("nan"),
    ),
)


def good_bodies(page):
    told = {"action": "block", "reason": "r"}
    policy = {"recipient": {"id": page["facebook_page_id"]}, "timestamp": now_ms()}
    return [
        body_of(message(page, "77")),
        body_of(message(page, "77", is_echo=True)),
        body_of(item(page, "77", delivery={"watermark": now_ms(), "mids": ["m_1"]})),
        body_of(item(page, "77", read={"watermark": now_ms()})),
        body_of({**policy, "policy_enforcement": told}),
    ]


# The way to a part without which an event is none, by the kind of event.
ENDS = (("sender",), ("sender", "id"), ("recipient",), ("recipient", "id"), ("timestamp",))
NEEDED = {
    "message": (*ENDS, ("message",), ("message", "mid"), ("message", "text")),
    "delivery": (*ENDS[:4], ("delivery",), ("delivery", "watermark"), ("delivery", "mids")),
    "read": (*ENDS[:4], ("read",), ("read", "watermark")),
    "policy_enforcement": (
        *(*ENDS[2:], ("policy_enforcement",)),
        ("policy_enforcement", "action"),
    ),
}
OUTSIDE = (("object",), ("entry",), ("entry", 0), ("entry", 0, "id"), ("entry", 0, "messaging"))


def spoilt(draw, body):
    """A body of which one part that matters is of another kind, and the name of the part."""
    body = json.loads(json.dumps(body))
    event = body["entry"][0]["messaging"][0]
    kind = next(name for name in NEEDED if name in event)
    inside = [("entry", 0, "messaging", 0, *path) for path in NEEDED[kind]]
    path = draw.choice([*OUTSIDE, ("entry", 0, "messaging", 0), *inside])
    *way, last = path
    place = body
    for step in way:
        place = place[step]
    wrong = [value for value in WRONG if is_wrong(path, value)]
    place[last] = draw.choice(wrong)
    return json.dumps(body).encode()


def is_wrong(path, value):
    """Whether the value cannot stand there: a text may be any text, a list may be empty."""
    if path[-1] == "text":
        return not isinstance(value, str)
    if path[-1] == "mids":
        return not isinstance(value, list)
    if path[-1] == "mid":
        return not isinstance(value, str) or value in ("", " ", "\x00", "\ud800", "x" * 300)
    return True


def broken(draw, body):
    """Bytes that are no JSON, or not the JSON of an object."""
    raw = json.dumps(body).encode()
    cut = draw.randrange(len(raw))
    return draw.choice(
        [
            raw[:cut],
            raw[:cut] + bytes([draw.randrange(256)]) + b"\xff" + raw[cut:],
            b"[" * draw.randrange(1, 100_000),
            b"{}" * draw.randrange(2),
            json.dumps([body]).encode(),
            draw.randbytes(draw.randrange(400)),
            raw.decode().encode("utf-16"),
        ]
    )


def badly_signed(draw, raw):
    """Headers that do not prove anything."""
    proof = signed(raw)["X-Hub-Signature-256"]
    wrong = [
        *("", "sha256=", proof[:-1], proof + "0", proof.upper(), proof.removeprefix("sha256=")),
        *(proof.replace("256", "1"), "\xfc" * 71, "sha256=" + "0" * 64, f" {proof[::-1]}"),
    ]
    return {"X-Hub-Signature-256": draw.choice(wrong).encode("latin-1")}


def spoilt_request(draw):
    """A form that is no request of Facebook's to delete somebody."""
    told = {"algorithm": "HMAC-SHA256", "user_id": "10771", "issued_at": 1790000000}
    name = draw.choice(["algorithm", "user_id"])
    told[name] = draw.choice([value for value in WRONG if value != "x" * 300])
    whole = signed_request(draw.choice([told, told, [told], "words", 7]))["signed_request"]
    cut = draw.randrange(len(whole))
    return draw.choice(
        [
            {"signed_request": whole},
            {"signed_request": whole[:cut]},
            {"signed_request": f"{whole[:cut]}.{whole[cut:]}"},
            {"signed_request": whole[:cut] + "é" + whole[cut:]},
            {"signed": whole},
            {},
        ]
    )


def test_of_ten_thousand_malformed_bodies_none_is_accepted(facebook, world, page):
    draw = random.Random(SEED)  # noqa: S311
    good = good_bodies(page)
    for body in good:
        assert facebook.post(body).json() == {"accepted": 1}, "unspoilt they are good"
    accepted = facebook.tally.accepted.total()
    assert accepted == len(good)

    async def post_all():
        for number in range(BODIES):
            if number % 10 == 9:
                form = spoilt_request(draw)
                answer = await facebook.http.post("/data-deletion", data=form)
                assert answer.status_code in (400, 403), (answer.status_code, form)
                continue
            raw = draw.choice([spoilt, spoilt, broken])(draw, draw.choice(good))
            headers = signed(raw) if number % 4 else badly_signed(draw, raw)
            answer = await facebook.http.post("/webhooks/facebook", content=raw, headers=headers)
            wanted = (400,) if number % 4 else (401, 403)
            assert answer.status_code in wanted, (number, answer.status_code, raw[:500], headers)

    facebook.run(post_all())

    assert facebook.tally.accepted.total() == accepted
    facebook.settle()
    [kept] = world.rows("select count(*) from public.facebook_events")
    assert kept["count"] == len(good)
