"""This file is where .env.example and the settings are the same list."""

from dataclasses import fields
from pathlib import Path

from dotenv import dotenv_values

from pipeline.settings import Settings, read_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_every_setting_is_in_the_example_and_nothing_else() -> None:
    assert set(dotenv_values(EXAMPLE)) == {setting.name.upper() for setting in fields(Settings)}


def test_the_example_as_it_stands_changes_nothing() -> None:
    values = {name: value or "" for name, value in dotenv_values(EXAMPLE).items()}

    assert read_settings(values) == Settings()
