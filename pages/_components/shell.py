"""This file is where the frame around every page is drawn: navigation, theme, messages."""

from collections.abc import Callable, Sequence

import dash
from dash import ClientsideFunction, Input, Output, clientside_callback, dcc, html
from dash.development.base_component import Component

from pages._components.attributes import attrs
from pipeline.feed import signed_in

STYLES = ["/assets/vendor/bootstrap/bootstrap.min.css", "/assets/vendor/inter/inter.css"]
INDEX = """<!doctype html>
<html lang="en">
<head>
{%metas%}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{%title%}</title>
<script src="/preferences.js"></script>
<script src="/assets/first/theme.js"></script>
<link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
{%css%}
</head>
<body>
<a class="skip" href="#content">Skip to content</a>
{%app_entry%}
<noscript>This page needs JavaScript.</noscript>
<footer hidden>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""
# In this order; a place that no page is registered for is not offered.
PLACES = (
    ("/", "Automations"),
    ("/contacts", "Contacts"),
    ("/history", "History"),
    ("/analytics", "Analytics"),
    ("/pages", "Pages"),
    ("/system", "System"),
)
OWN_PLACES = (("/settings", "Settings"), ("/audit", "Audit"))
THEMES = (("system", "System"), ("light", "Light"), ("dark", "Dark"))


def shell(send_mode: str) -> Callable[[], Component]:
    """The layout function: what surrounds `dash.page_container`."""

    def layout() -> Component:
        feed = signed_in.get(None)
        return html.Div(
            [
                dcc.Location(id="session", refresh=True),
                dcc.Location(id="address", refresh=False),
                dcc.Store(id="toast"),
                dcc.Store(id="undo"),
                dcc.Store(id="undone"),
                dcc.Store(id="preference-wish"),
                dcc.Store(id="preference-kept"),
                html.Div(id="own-mark", hidden=True),
                html.Div(id="nav-mark", hidden=True),
                html.Div(id="toast-mark", hidden=True),
                _navigation(send_mode, feed.email if feed else ""),
                html.Main(dash.page_container, id="content", tabIndex="-1"),
                html.Div(id="toasts", role="status", **attrs({"aria-live": "polite"})),
            ],
            **attrs({"data-send-mode": send_mode}),
        )

    return layout


def _navigation(send_mode: str, email: str) -> Component:
    sandbox = html.Span("Sandbox: nothing is sent", className="pill warn", id="send-mode")
    live = html.Span("Live: messages reach people", className="pill", id="send-mode")
    return html.Header(
        [
            dcc.Link(
                [
                    html.Span(className="brand-mark"),
                    html.Span("Stagelight", className="brand-word"),
                ],
                href="/",
                className="brand",
                title="Stagelight, all automations",
            ),
            html.Nav(_links(PLACES), **attrs({"aria-label": "Places"})),
            html.Div(
                [
                    sandbox if send_mode == "sandbox" else live,
                    _account(email),
                ],
                className="nav-end",
            ),
        ],
        className="topbar",
    )


def _links(places: Sequence[tuple[str, str]]) -> list[Component]:
    there = {page["path"] for page in dash.page_registry.values()}
    return [
        dcc.Link(word, href=href, className="nav-place", id=f"nav-{word.lower()}")
        for href, word in places
        if href in there
    ]


def _account(email: str) -> Component:
    return html.Details(
        [
            html.Summary(
                # A digit would be text that the name has to begin with; a letter is a picture.
                html.Span(email[:1].upper() if email[:1].isalpha() else "•", className="avatar"),
                title=email,
                **attrs({"aria-label": f"Account {email}"}),
            ),
            html.Div(
                [
                    html.Div(["Signed in as ", html.Strong(email)], className="account-mail"),
                    html.Nav(_links(OWN_PLACES), **attrs({"aria-label": "Your account"})),
                    html.Div("Theme", id="theme-label", className="label"),
                    html.Div(
                        [_theme(*theme) for theme in THEMES],
                        className="themes",
                        role="group",
                        **attrs({"aria-labelledby": "theme-label"}),
                    ),
                    html.Form(
                        html.Button("Sign out", id="sign-out", className="btn btn-soft w-100"),
                        action="/logout",
                        method="post",
                    ),
                ],
                className="account-menu",
            ),
        ],
        className="account",
    )


def _theme(name: str, word: str) -> Component:
    return html.Button(
        word,
        id=f"theme-{name}",
        className="btn btn-soft btn-sm",
        type="button",
        **attrs({"data-theme-choice": name, "aria-pressed": "false"}),
    )


clientside_callback(
    ClientsideFunction("shell", "markPlace"),
    Output("nav-mark", "children"),
    Input("address", "pathname"),
)
clientside_callback(
    ClientsideFunction("theme", "kept"),
    Output("own-mark", "children"),
    Input("preference-kept", "data"),
)
clientside_callback(
    ClientsideFunction("shell", "showToast"),
    Output("toast-mark", "children"),
    Input("toast", "data"),
)
