"""This file is where all of the database is explained, and docs/database.md says the same."""

import psycopg
import pytest

from sql.describe import PAGE, describe, read_catalogue


@pytest.fixture(scope="module")
def catalogue(shared_database):
    with psycopg.connect(shared_database.dsn()) as connection:
        yield read_catalogue(connection)


def test_the_page_says_what_the_database_says(catalogue):
    assert PAGE.read_text() == describe(catalogue), "run `make docs`"


def test_every_table_and_view_is_explained(catalogue):
    assert [each["name"] for each in catalogue["relations"] if not each["comment"]] == []
    assert catalogue["stages"]


def test_every_column_is_explained_where_it_is_or_where_a_view_has_it_from(catalogue):
    assert [
        f"{relation['name']}.{column['name']}"
        for relation in catalogue["relations"]
        for column in relation["columns"]
        if not column["comment"]
    ] == []


def test_every_index_names_what_it_serves(catalogue):
    indexes = [index for each in catalogue["relations"] for index in each["indexes"] or []]

    assert len(indexes) > 20
    assert [
        each["name"] for each in indexes if not (each["comment"] or "").startswith("Serves")
    ] == []


def test_every_function_is_explained(catalogue):
    assert [each["name"] for each in catalogue["functions"] if not each["comment"]] == []
