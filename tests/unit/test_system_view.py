"""This file is where what is wrong with the machine is said in words, and only then."""

from pages._components.system_view import by_stage, problems
from pipeline.installation import SCHEMA_VERSION

NOW = "2026-11-23T12:00:00+00:00"


def worker(state="works", **turns):
    return {"name": "worker-1", "state": state, "turns": turns, "beat_at": NOW}


def health(*workers, version=SCHEMA_VERSION):
    return {"now": NOW, "workers": list(workers), "schema_version": version}


def queue(stage, contacts, oldest):
    return {"stage": stage, "contacts": contacts, "oldest_seconds": oldest}


def titles(found):
    return [title for _, title, _ in found]


def test_nothing_is_said_when_all_is_well():
    well = worker(check={"last": 0.4, "next": 0.1}, maintain={"last": None, "next": 55.0})

    assert problems(health(well, worker("stopped")), [queue("queued", 3, 20.0)]) == []


def test_what_is_wrong_is_named():
    assert titles(problems(health(worker("stopped")), [])) == ["No worker is running"]
    assert titles(problems(health(), [])) == ["No worker is running"]
    assert titles(problems(health(worker(), worker("lost")), [])) == ["1 worker no longer answers"]
    two = health(worker(), worker("lost"), worker("lost"))
    assert titles(problems(two, [])) == ["2 workers no longer answer"]
    [other] = problems(health(worker(), version="1"), [])
    assert "sql/add-automation-monitoring.sql" in other[2]
    [late] = problems(health(worker(send={"last": 400.0, "next": 0.1})), [])
    assert late[1] == "Behind its schedule: Send"


def test_what_waits_too_long_is_named_where_it_should_move_and_only_there():
    old = [queue(stage, 1, 9000.0) for stage in ("generating", "ready_to_send", "sent")]

    [stuck] = problems(health(worker()), old)

    assert stuck[1] == "Generating: the oldest waits for 2 h 30 min"
    [row] = [row for row in by_stage([*old, queue("generating", 2, 5.0)]) if row[1] == 3]
    assert row == ("generating", 3, 9000.0)
