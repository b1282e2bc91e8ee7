"""This file is where /analytics is put together: headline numbers, then a finding per figure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

from dash import html
from dash.development.base_component import Component

from pages._components import charts
from pages._components.ai_figures import ai_time, cost, dollars
from pages._components.analytics_parts import (
    change_of,
    drawing,
    headline,
    numbers,
    panel,
    percent,
    share_of,
    table,
)
from pages._components.causes import cause, history_of
from pages._components.figures import Figures, Step, funnel
from pages._components.pace_figures import paces
from pages._components.words import count

Drawn = tuple[list[Component], dict[str, Any]]
MOST_CAUSES = 12
# Figures end with a whole minute that is over for 20 s, and are added up every 30 s.
USUALLY_BEHIND = timedelta(minutes=4)


def analytics(figures: Figures, names: Mapping[str, str], rule_ids: Sequence[str]) -> Drawn:
    """What is on the page, and what is drawn into it, by the names of the charts."""
    if figures.is_empty() and not figures.total("failed"):
        return [_headlines(figures), *_behind(figures), _nothing(figures)], {}
    parts = [
        throughput(figures),
        funnel_panel(figures),
        failures(figures, rule_ids),
        replies(figures),
        ai_time(figures),
        paces(figures),
        cost(figures, names),
    ]
    drawings: dict[str, Any] = {}
    for _, drawn in parts:
        drawings |= drawn
    grid = html.Div([part for part, _ in parts], className="figure-grid")
    return [_headlines(figures), *_behind(figures), *_beginning(figures), grid], drawings


def _headlines(figures: Figures) -> Component:
    span = figures.span.words
    sent, failed = figures.total("sent"), figures.total("failed")
    replied = figures.total("replied")
    was_sent, was_replied = figures.before("sent"), figures.before("replied")
    was_failed = figures.before("failed")
    tried, was_tried = sent + failed, was_sent + was_failed
    return html.Dl(
        [
            headline("sent", "Messages sent", f"{sent:,}", change_of(sent, was_sent, span)),
            headline(
                "failed",
                "Failed",
                f"{failed:,}",
                share_of(failed, tried, "of all", was_failed, was_tried),
                "bad" if failed else "",
            ),
            headline(
                "replied",
                "Replies",
                f"{replied:,}",
                share_of(replied, sent, "of those sent", was_replied, was_sent),
            ),
            headline(
                "cost",
                "AI cost",
                dollars(figures.total("cost")),
                _cost_before(figures, span),
            ),
        ],
        className="headlines",
    )


def _cost_before(figures: Figures, span: str) -> str:
    unpriced = figures.total("unpriced")
    if unpriced:
        return f"without {count(unpriced, 'message')} of unknown price"
    return f"{dollars(figures.before('cost'))} in the {span} before"


def _nothing(figures: Figures) -> Component:
    return html.Div(
        [
            html.P(f"Nothing happened in these {figures.span.words}."),
            html.P(
                "Figures come as soon as contacts move: start a run, or choose a longer time. "
                "They follow what happens by up to two minutes while a worker runs.",
                className="mute",
            ),
        ],
        className="empty",
        id="figures-none",
    )


def _beginning(figures: Figures) -> list[Component]:
    first = figures.begins_with()
    if not first or figures.before("entered"):
        return []
    begun = figures.span.names[first].split(" to ")[0]
    return [html.P(f"Nothing was counted before {begun}.", className="mute figures-note")]


def _behind(figures: Figures) -> list[Component]:
    """The line at the top says how far the count is; this says so when that is too far back."""
    until, asked_at = figures.until, figures.asked_at
    if until and asked_at and asked_at - until <= USUALLY_BEHIND:
        return []
    words = (
        "Still counting: what happened lately is not among these figures yet. "
        "Workers count; without one that runs the figures stay as they are."
    )
    return [html.P(words, className="notice warn figures-note", role="status")]


def throughput(figures: Figures) -> tuple[Component, dict[str, Any]]:
    """Messages that were sent and failed, and contacts that were skipped."""
    span = figures.span
    series = {
        "Sent": ("--sent", figures.series("sent")),
        "Failed": ("--failed", figures.series("failed")),
        "Skipped": ("--skipped", figures.series("entered", "skipped")),
    }
    sent = series["Sent"][1]
    most = max(range(len(sent)), key=sent.__getitem__)
    finding = (
        f"{count(sum(sent), 'message')} sent; most on {span.names[most]}: {sent[most]:,}."
        if any(sent)
        else f"Nothing was sent in these {span.words}."
    )
    rows = [
        (name, *(f"{values[place]:,}" for _, values in series.values()))
        for place, name in enumerate(span.names)
    ]
    about = "Sent and failed at the moment of the try; skipped when the contact was put aside."
    return panel(
        "throughput",
        finding,
        about,
        [
            drawing("throughput", finding),
            numbers("throughput", "Throughput", ("When", *series), rows),
        ],
        wide=True,
    ), {"throughput": charts.bars(span, series)}


def funnel_panel(figures: Figures) -> tuple[Component, dict[str, Any]]:
    """How many get through, and where most leave."""
    found = funnel(figures)
    names, values = [step.word for step in found], [step.contacts for step in found]
    finding = _funnel_finding(found)
    colours = ("--queued", "--checking", "--eligible", "--ready_to_send", "--sent", "--completed")
    share = max(values[0], 1)
    rows = [
        (step.word, f"{step.contacts:,}", f"{step.earlier:,}", percent(step.contacts, share))
        for step in found
    ]
    about = (
        "What came through this time, with what was on its way when it began; one contact counts "
        "once for each follow-up."
    )
    heads = ("Step", "Contacts", "Came this far before", "Of those queued")
    return panel(
        "funnel",
        finding,
        about,
        [
            drawing("funnel", finding),
            numbers("funnel", "Funnel", heads, rows),
        ],
    ), {"funnel": charts.steps(names, values, colours)}


def _funnel_finding(found: Sequence[Step]) -> str:
    queued, sent = found[0].contacts, found[4].contacts
    if not queued:
        return "Nothing was queued."
    pairs = list(pairwise(found[:5]))
    before, after = max(pairs, key=lambda pair: pair[0].contacts - pair[1].contacts)
    lost = before.contacts - after.contacts
    line = f"{sent:,} sent of {queued:,} queued"
    if found[0].earlier:
        line += f" ({found[0].earlier:,} of them before this time)"
    if lost <= 0:
        return f"{line}; nobody was held back."
    where = f"between {before.word.lower()} and {after.word.lower()}"
    return f"{line}; most leave {where}: {lost:,}."


def failures(figures: Figures, rule_ids: Sequence[str]) -> tuple[Component, dict[str, Any]]:
    """Causes in words, the most frequent first, with the way to the tries."""
    total = figures.total("failed")
    causes = [(code, figures.total("failed", code)) for code in figures.keys("failed")]
    about = "At the moment of the try, or when a message could not be written."
    if not causes:
        words = html.P("Nothing failed in this time.", className="none")
        return panel("failures", "Nothing failed.", about, [words]), {}
    code, most = causes[0]
    finding = f"{total:,} failed; {percent(most, total)} because: {_lower(cause(code))}."
    rows = [
        (
            _cause(code, history_of(code, rule_ids, figures.span), many / causes[0][1]),
            f"{many:,}",
            percent(many, total),
        )
        for code, many in causes[:MOST_CAUSES]
    ]
    return panel(
        "failures",
        finding,
        about,
        [table("failures", "Failures by cause", ("Cause", "Failures", "Share"), rows)],
    ), {}


def _cause(code: str, address: str, share: float) -> Component:
    words: Any = cause(code)
    if address:
        words = html.A(words, href=address, title="See these tries in the history")
    elif code.startswith(("ai_", "text_")):
        words = [words, html.Span(" before there was a try", className="mute")]
    meter = html.Div(html.I(style={"width": f"{share:.0%}"}), className="meter")
    return html.Div([html.Span(words), meter], className="figure-cause")


def _lower(words: str) -> str:
    kept = ("Facebook", "Google", "AI ", "24-")
    return words if words.startswith(kept) else words[:1].lower() + words[1:]


def replies(figures: Figures) -> tuple[Component, dict[str, Any]]:
    """How many wrote back after the first, the second, the third message."""
    ways = [
        (n, figures.total("sent", number=n), figures.total("replied", number=n))
        for n in range(1, 11)
    ]
    sent = [(n, base, replied) for n, base, replied in ways if base]
    about = (
        "The first thing a contact says within 7 days, before the next follow-up. Replies to the "
        "latest messages may still come."
    )
    if not sent:
        none = html.P("Nothing was sent that could be replied to.", className="none")
        return panel("replies", "No replies, because nothing was sent.", about, [none]), {}
    rates = [replied / base for _, base, replied in sent]
    best = max(range(len(sent)), key=rates.__getitem__)
    number, base, replied = sent[best]
    finding = (
        f"{percent(replied, base)} replied after follow-up {number} ({replied:,} of {base:,})"
        + (", more than after any other." if len(sent) > 1 else ".")
        if replied
        else f"Nobody has replied to the {count(sum(base for _, base, _ in sent), 'message')} yet."
    )
    words = [f"Follow-up {n}" for n, _, _ in sent]
    notes = [f"{percent(replied, base)} of {base:,}" for _, base, replied in sent]
    rows = [
        (word, f"{base:,}", f"{replied:,}", percent(replied, base))
        for word, (_, base, replied) in zip(words, sent, strict=True)
    ]
    heads = ("After", "Sent", "Replied", "Rate")
    return panel(
        "replies",
        finding,
        about,
        [drawing("replies", finding), numbers("replies", "Replies", heads, rows)],
    ), {"replies": charts.shares(words, rates, notes)}
