"""This file is where the contract suite is shown to be complete, and to harm no project in use."""

import os
import re
import subprocess
import sys

from tests.contract.calls import Source
from tests.contract.conftest import Project
from tests.contract.functions import PERSON, VISITOR, WORKER, Row
from tests.running import ROOT


def test_no_function_that_the_app_calls_is_missing() -> None:
    called = re.compile(r'(?:_call|_call_for_rows|rpc)\(\s*"([a-z_]+)"')
    names = {
        name
        for part in ("pipeline", "pages", "api")
        for file in (ROOT / part).rglob("*.py")
        for name in called.findall(file.read_text())
    }

    assert len(names) > 60
    assert names - PERSON.keys() - WORKER.keys() - VISITOR.keys() == set()


def test_no_read_or_write_of_a_table_that_the_app_makes_is_missing() -> None:
    app = Source.below("app.py", "pages", "api", "pipeline").calls()
    here = Source.below("tests/contract/test_contract.py").calls()

    assert len(app) >= 10
    missing = {table: calls - here.get(table, set()) for table, calls in app.items()}
    assert {table: calls for table, calls in missing.items() if calls} == {}


def test_a_project_in_use_is_refused(project: Project, ids: Row) -> None:
    told = {
        "CONTRACT_SUPABASE_URL": project.url,
        "CONTRACT_SUPABASE_PUBLISHABLE_KEY": project.publishable_key,
        "CONTRACT_SUPABASE_SECRET_KEY": project.secret_key,
    }
    one = "tests/contract/test_contract.py::test_a_token_that_is_none_is_refused"
    asked = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", one],
        cwd=ROOT,
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ids
    assert asked.returncode == 1
    assert f"{project.url} is in use: facebook_pages has rows" in asked.stdout
    assert "1 error" in asked.stdout
    assert project.secret_key not in asked.stdout
