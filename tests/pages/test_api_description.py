"""This file is where the API does what its description says, whatever it is asked."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.listener import Listener
from tests.pages.test_streams import address, bearer, hear
from tests.pages.watching import Watch, watch
from tests.running import ROOT, Stack, until

__all__ = ["bearer", "watch"]
CASES = "40"
TOOL = str(Path(sys.executable).with_name("st"))


# What covers each parameter and status is the same whatever the seed is.
@pytest.mark.parametrize(
    ("seed", "phases"), [("1", "coverage,fuzzing"), ("2", "fuzzing"), ("3", "fuzzing")]
)
def test_no_generated_request_finds_an_answer_that_is_not_described(
    stack: Stack, bearer: dict[str, str], tmp_path: Path, seed: str, phases: str
) -> None:
    command = [
        *(TOOL, "run", f"{stack.dashboard_url}/api/openapi.json"),
        *("--header", f"Authorization: {bearer['authorization']}", "--seed", seed),
        *("--checks", "all", "--phases", phases, "--max-examples", CASES),
        *("--no-color", "--warnings", "off"),
    ]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-3000:]
    assert "Tested: " in done.stdout


def schema(name: str) -> Any:
    document = json.loads((ROOT / "api" / "openapi.json").read_text())
    wanted = {**document, "$ref": f"#/components/schemas/{name}"}
    return jsonschema_rs.validator_for(wanted, validate_formats=True)


def test_a_snapshot_with_everything_in_it_is_as_described(
    stack: Stack, watch: Watch, bearer: dict[str, str]
) -> None:
    here = watch(review_before_send=True)
    here.waiting("محمد العلي")
    here.failed("Zoë")
    skipped = here.waiting("Софія")
    here.change(skipped, "current_stage = 'skipped', reason_code = 'cancelled'")
    here.people.insert(
        "public.ai_automation_runs",
        rule_id=here.rule["id"],
        user_id=here.rule["user_id"],
        source="manual",
    )
    said: list[Any] = []
    listener = Listener(address(here), bearer, heard=lambda kind, data: said.append(data))

    hear(stack.dashboard_url, lambda http: listener.listen(http, lambda it: bool(it.events)))
    url = f"{stack.dashboard_url}/api/ai-automations"
    rows = httpx.get(url, headers=bearer, trust_env=False).json()["automations"]

    assert len(said[0]["contacts"]) == 3
    assert said[0]["last_run"]
    schema("Snapshot").validate(said[0])
    for row in rows:
        schema("Automation").validate(row)


def test_metrics_are_told_to_the_holder_of_the_token_and_to_nobody_else(
    stack: Stack, bearer: dict[str, str]
) -> None:
    url = f"{stack.dashboard_url}/metrics"
    token = {"authorization": f"Bearer {stack.metrics_token}"}

    for headers in ({}, bearer, {"authorization": f"Basic {stack.metrics_token}"}):
        assert httpx.get(url, headers=headers, trust_env=False).status_code == 401
    text = until(lambda: has_sums(httpx.get(url, headers=token, trust_env=False)))
    for line in ("stagelight_workers 1", "stagelight_streams ", 'kind="page",status="200"'):
        assert line in text


def has_sums(answer: httpx.Response) -> str:
    assert answer.status_code == 200
    return answer.text if "stagelight_database_up 1" in answer.text else ""
