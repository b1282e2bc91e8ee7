"""This file is where a press on one person's monitor makes nobody else's read anew."""

import asyncio
import importlib

from app import create_app
from pipeline.settings import Settings


def test_a_press_forgets_the_moments_of_who_pressed_on_that_rule_and_no_others():
    create_app(Settings(supabase_url="http://127.0.0.1:1"))
    monitor = importlib.import_module("pages.monitor")
    seen = [("ana", "rule", "", "", 0), ("ana", "other", "", "", 0), ("ben", "rule", "", "", 0)]

    async def moment() -> None:
        return None

    async def fresh_after_a_press() -> list[bool]:
        for key in seen:
            await monitor.MOMENTS.get(key, 60, moment)
        monitor.forget("ana", "rule")
        takers = [(await monitor.MOMENTS.get(key, 60, moment))[2] for key in seen]
        return [count == 1 for count in takers]

    assert asyncio.run(fresh_after_a_press()) == [True, False, False]
