"""This file is where the installation's health is drawn: what is wrong in words, then numbers."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from pages._components.moments import when
from pages._components.standing_lines import state
from pages._components.words import count, duration, epoch
from pipeline.installation import SCHEMA_VERSION, Installation
from pipeline.stages import IN_FLIGHT, LOOKS, Stage

Row = dict[str, Any]
# The slowest turn comes every minute; what has not ended for longer than this hangs in something.
LATE_SECONDS = 180.0
# In these a contact moves on by itself within seconds or a few minutes; in the others it may wait.
MOVES_ON = (Stage.QUEUED, Stage.CHECKING, Stage.ELIGIBLE, Stage.GENERATING, Stage.SENDING)
STUCK_SECONDS = 600.0
STATES = {"works": ("ok", "Works"), "lost": ("bad", "Lost"), "stopped": ("", "Stopped")}
TURNS = {
    "plan": "Start due runs",
    "check": "Check contacts",
    "write": "Have messages written",
    "send": "Send",
    "settle": "Look up what is unclear",
    "confirm": "Confirm opt-outs",
    "forget": "Delete who asked to be forgotten",
    "preview": "Write test messages",
    "beat": "Say that it lives",
    "maintain": "Tidy up",
    "sync": "Read conversations",
    "roll_up": "Sum up figures",
}


def problems(health: Row, queues: list[Row]) -> list[tuple[str, str, str]]:
    """Tone, what is wrong, and what to do; nothing when all is well."""
    states = [worker["state"] for worker in health["workers"]]
    found = []
    if "works" not in states:
        found.append(("bad", "No worker is running", "Contacts wait; start one: make worker."))
    elif lost := states.count("lost"):
        answers = "no longer answers" if lost == 1 else "no longer answer"
        text = "What was in hand is taken up again within a minute; the log may say why."
        found.append(("warn", f"{count(lost, 'worker')} {answers}", text))
    if health["schema_version"] != SCHEMA_VERSION:
        text = (
            f"The database has version {health['schema_version']}, this dashboard was written for "
            f"{SCHEMA_VERSION}: apply sql/add-automation-monitoring.sql."
        )
        found.append(("bad", "The database and this program do not fit", text))
    for worker in health["workers"]:
        late = _late(worker)
        if worker["state"] == "works" and late:
            names = ", ".join(TURNS.get(name, name) for name in late)
            found.append(("warn", f"Behind its schedule: {names}", f"In {worker['name']}."))
    found += [("warn", *stuck) for stuck in _stuck(queues)]
    return found


def _late(worker: Row) -> list[str]:
    turns = worker["turns"].items()
    return [name for name, turn in turns if (turn.get("last") or 0) > LATE_SECONDS]


def _stuck(queues: list[Row]) -> list[tuple[str, str]]:
    return [
        (
            f"{LOOKS[stage].word}: the oldest waits for {duration(oldest)}",
            "Usually this takes seconds. The automation's monitor says what it waits for.",
        )
        for stage, _, oldest in by_stage(queues)
        if stage in MOVES_ON and oldest > STUCK_SECONDS
    ]


def by_stage(queues: list[Row]) -> list[tuple[Stage, int, float]]:
    """Of every stage in flight: how many, and how long the oldest has been there."""
    found = []
    for stage in IN_FLIGHT:
        rows = [row for row in queues if row["stage"] == stage]
        oldest = max((row["oldest_seconds"] or 0.0 for row in rows), default=0.0)
        found.append((Stage(stage), sum(row["contacts"] for row in rows), oldest))
    return found


def system_view(
    health: Row, queues: list[Row], installation: Installation, lines: Sequence[Row]
) -> list[Component]:
    """Everything below the heading; `lines` are what the monitors say (standing.py)."""
    own = [
        dict(zip(("tone", "title", "text"), told, strict=True)) for told in problems(health, queues)
    ]
    return [
        state([*own, *lines]),
        html.Div([_workers(health), _queues(queues)], className="system-pair"),
        _schedule(health),
        html.Div(
            [_installation(health, installation), _receivers(health)], className="system-pair"
        ),
    ]


def _workers(health: Row) -> Component:
    lines = [_worker(worker, _age(worker, health)) for worker in health["workers"]]
    return _panel("Workers", lines, "None was heard of within a day.")


def _worker(worker: Row, age: float) -> Component:
    tone, word = STATES[worker["state"]]
    held = [f"{LOOKS[Stage(name)].word} {number:,}" for name, number in worker["mine"].items()]
    holds = f" · of yours in hand: {', '.join(held)}" if held else ""
    name = worker["name"] + (f", version {worker['version']}" if worker["version"] else "")
    return html.Div(
        [
            html.Div(
                [
                    html.Span(name, dir="auto"),
                    html.Span(
                        ["since ", when(worker["started_at"]), holds], className="line-note mute"
                    ),
                ],
                className="line-name",
            ),
            html.Div(
                [
                    html.Span(word, className=f"pill {tone}"),
                    html.Span(f"heard of {duration(age)} ago", className="line-note mute"),
                ],
                className="line-value",
            ),
        ],
        className="line",
    )


def _queues(queues: list[Row]) -> Component:
    lines = [
        _line(LOOKS[stage].word, f"{number:,}", f"oldest {duration(oldest)}" if number else "")
        for stage, number, oldest in by_stage(queues)
    ]
    return _panel("Your contacts in flight", lines)


def _schedule(health: Row) -> Component:
    """Of the worker that was heard of last; they all do the same."""
    running = [worker for worker in health["workers"] if worker["state"] == "works"]
    turns = running[0]["turns"] if running else {}
    since = _age(running[0], health) if running else 0.0
    known = sorted(turns, key=lambda name: [*TURNS, name].index(name))
    lines = [
        _line(
            TURNS.get(name, name),
            _in(turns[name].get("next"), since),
            _ago(turns[name].get("last"), since),
        )
        for name in known
    ]
    return _panel("Schedule", [html.Div(lines, className="turns")] if lines else [], "No worker.")


def _age(worker: Row, health: Row) -> float:
    """How long ago it was heard of, by the database's clock."""
    now, beat = epoch(health["now"]) or 0.0, epoch(worker["beat_at"]) or 0.0
    return max(0.0, now - beat)


def _ago(seconds: float | None, since: float) -> str:
    return "not yet" if seconds is None else f"last {duration(seconds + since)} ago"


def _in(seconds: float | None, since: float) -> str:
    if seconds is None:
        return ""
    return f"in {duration(seconds - since)}" if seconds - since > 1 else "now"


def _installation(health: Row, installation: Installation) -> Component:
    live = installation.send_mode == "live"
    return _panel(
        "This installation",
        [
            _line("Messages", "Live: they reach people" if live else "Sandbox: nothing is sent"),
            _line(
                "Database", "Embedded, on this machine" if installation.is_embedded else "Hosted"
            ),
            _line(
                "Schema version",
                health["schema_version"],
                f"this program was written for {SCHEMA_VERSION}",
            ),
            _line("AI model", installation.model, "where an automation names none"),
            _line("Texts are kept for", duration(installation.text_retention_hours * 3600.0)),
            _line("History is kept for", duration(installation.history_retention_days * 86400.0)),
        ],
    )


def _receivers(health: Row) -> Component:
    found = health["receivers"]
    beat, heard = found["last_beat_at"], found["heard_at"]
    lines = [_line("Running", f"{found['alive']:,}")]
    if beat:
        lines.append(_line("Last heard of", when(beat)))
        lines.append(_line("Facebook last told something", when(heard) if heard else "Never yet"))
        lines.append(_line("Waits on their disks", f"{found['spool_bytes']:,} bytes"))
    return _panel("Webhook receivers", lines)


def _line(name: str, value: Any, note: str = "") -> Component:
    inside: list[Any] = [name]
    if note:
        inside.append(html.Span(note, className="line-note mute"))
    return html.Div(
        [html.Div(inside, className="line-name"), html.Div(value, className="line-value")],
        className="line",
    )


def _panel(title: str, lines: list[Component], none: str = "") -> Component:
    inside = lines or [html.P(none, className="none mute")]
    return html.Section([html.H2(title), *inside], className="panel")
