"""This file is where a form that was drawn before an upgrade is saved after it."""

import asyncio
import importlib

from app import create_app
from pages._components.rule_fields import NEW, shown
from pipeline.settings import Settings


def form():
    create_app(Settings(supabase_url="http://127.0.0.1:1"))
    return importlib.import_module("pages.rule_form")


def saved(form):
    return {**NEW, "id": "one", "updated_at": "now", **dict.fromkeys(form.NAMES, 1)}


def test_only_an_empty_claim_is_a_new_automation():
    here = form()
    whole = saved(here)

    assert [here.saved_of(claim) for claim in (None, {}, whole)] == [{}, {}, whole]
    for name in ("id", "updated_at", *here.NAMES):
        assert here.saved_of({key: whole[key] for key in whole if key != name}) is None
    assert here.saved_of("one") is None


def test_a_form_that_lacks_a_setting_is_not_saved_as_a_second_automation():
    here = form()
    claim = saved(here)
    del claim["run_every_minutes"]
    typed = shown({**NEW, "name": "Winback", "page_id": "p", "time_zone": "UTC"})
    typed["wait"], typed["wait_unit"] = typed["wait"]
    typed["every"], typed["every_unit"] = typed["every"]

    # Whoever asked the database here would fail: nobody has signed in.
    _, told, kept, leaving = asyncio.run(
        here.save(1, None, *[typed[name] for name in here.CONTROLS], claim)
    )

    assert "Reload the page" in str(told)
    assert (kept, leaving) == (here.unchanged, here.unchanged)
