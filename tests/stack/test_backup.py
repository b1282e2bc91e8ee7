"""This file is where local data is shown to come back from a backup as it was."""

import asyncio
import datetime as dt
import io
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from api.spool import Spool
from local.__main__ import bring_back, run
from local.backup import backup, restore
from local.bootstrap import bootstrap, migrate
from local.errors import StartError
from local.files import write_private_json
from local.home import Home
from local.postgres import Postgres, find_bin
from pipeline.settings import Settings
from tests.builders import World
from tests.database.acting import run_now
from tests.ports import free_port
from tests.running import ROOT

VERDICT = """select reason_code from public.recheck_before_send(
    array(select id from public.ai_automation_contact_states)
)"""
CHOSEN = os.environ.get("APP_PG_BIN", "")


def schema_of(postgres: Postgres) -> list[str]:
    """Every object of the database, with its rights."""
    command = [find_bin(CHOSEN) / "pg_dump", "--schema-only", postgres.superuser_dsn()]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # Each dump locks itself with a word of its own, and "a and b and c" is read back as one list.
    lines = (re.sub(r"[()]", "", line) for line in text.splitlines())
    return [line for line in lines if not line.startswith(("\\restrict", "\\unrestrict"))]


@contextmanager
def started(home: Home) -> Iterator[Postgres]:
    """The home's PostgreSQL, while the block lasts."""
    postgres = Postgres(home.path, free_port(), find_bin(CHOSEN))
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


def fill(postgres: Postgres) -> int:
    """Gives Ada one contact on the way to a message, whose id it tells."""
    bootstrap(postgres)
    migrate(postgres.dsn())
    world = World(postgres.dsn())
    page = world.page(world.user("ada@example.com"))
    contact = world.contact(page)
    run_now(world, world.rule(page))
    assert world.rows(VERDICT) == [{"reason_code": "ok"}]
    world.close()
    return contact["id"]


def test_everything_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, other, file = Home(tmp_path / "home"), Home(tmp_path / "other"), tmp_path / "kept.tar"
    assert home.open()
    secrets = home.secrets()
    with started(home) as postgres:
        contact, schema = fill(postgres), schema_of(postgres)
        write_private_json(home.connection_file, {"database_url": postgres.dsn()})
        # Another process than the one that holds the directory.
        started_at = dt.datetime.now(dt.UTC)
        backup(Home(home.path), CHOSEN, file)
        ended_at = dt.datetime.now(dt.UTC)
        with pytest.raises(StartError, match="runs here"):
            restore(Home(home.path), CHOSEN, file)
    home.close()

    bring_back(other, Settings(app_pg_bin=CHOSEN), str(file))

    said = capsys.readouterr().out
    [told] = re.findall(r"as it was at (.*?) UTC", said)
    moment = dt.datetime.fromisoformat(f"{told}+00:00")
    # It is told to the minute.
    assert started_at.replace(second=0, microsecond=0) <= moment <= ended_at
    assert "every automation is off" in said
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert (other.secrets(), other.seeded) == (secrets, True)
    query = (
        "select u.email, c.id from auth.users as u join public.contacts as c on c.user_id = u.id"
    )
    with started(other) as back:
        with psycopg.connect(back.dsn()) as connection:
            assert connection.execute(query).fetchone() == ("ada@example.com", contact)
            # Messages that went out after the backup must not go out again.
            assert connection.execute(VERDICT).fetchone() == ("rule_disabled",)
        assert schema_of(back) == schema
        migrate(back.dsn())
    with pytest.raises(StartError, match="There is data in"):
        restore(other, CHOSEN, file)
    with pytest.raises(StartError, match="exists already"):
        backup(home, CHOSEN, file)


def test_what_a_receiver_has_answered_for_comes_back_for_the_next_one(tmp_path: Path) -> None:
    home, other, file = Home(tmp_path / "home"), Home(tmp_path / "other"), tmp_path / "kept.tar"
    assert home.open()
    with started(home) as postgres:
        bootstrap(postgres)
        write_private_json(home.connection_file, {"database_url": postgres.dsn()})
        receiver = Spool(home.path / "receiver")
        asyncio.run(receiver.add([{"kind": "message", "text": "STOP"}]))
        backup(Home(home.path), CHOSEN, file)
        receiver.close()
    home.close()

    restore(other, CHOSEN, file)

    spool = Spool(other.path / "receiver")
    assert spool.adopt() == 1
    found = spool.next_closed()
    assert found
    assert list(found.lines()) == [[{"kind": "message", "text": "STOP"}]]
    assert oct(found.path.stat().st_mode)[-3:] == "600"
    assert oct(found.path.parent.stat().st_mode)[-3:] == "700"
    spool.close()


def entries(home: Home) -> set[str]:
    """What lies in the home."""
    return {entry.name for entry in home.path.iterdir()}


def broken_backup(directory: Path, dump: bytes) -> Path:
    """A backup with keys, whose dump is `dump`."""
    file = directory / "kept.tar"
    with tarfile.open(file, "w") as tar:
        for name, content in (("secrets.json", b"{}"), ("database.dump", dump)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


def test_a_file_that_is_no_backup_leaves_nothing_behind(tmp_path: Path) -> None:
    file, home = tmp_path / "kept.tar", Home(tmp_path / "home")
    file.write_text("nothing")

    with pytest.raises(StartError, match="cannot be read as a backup"):
        restore(home, CHOSEN, file)

    assert entries(home) == {"logs", "stack.lock"}


def test_a_restore_that_fails_half_way_removes_what_it_made_and_no_more(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert home.open()
    home.close()
    file = broken_backup(home.logs, b"no dump")

    with pytest.raises(StartError, match="pg_restore"):
        restore(home, CHOSEN, file)

    assert entries(home) == {"logs", "stack.lock"}
    assert file.exists()


def test_a_restore_that_was_killed_is_not_taken_for_whole_and_can_be_done_again(
    tmp_path: Path,
) -> None:
    """It is killed for good: nothing of it gets to clean up."""
    home, file = Home(tmp_path / "home"), tmp_path / "kept.tar"
    source = Home(tmp_path / "source")
    assert source.open()
    with started(source) as postgres:
        fill(postgres)
    source.close()
    backup(source, CHOSEN, file)
    killed = (
        "import os, sys; from pathlib import Path;"
        "from local import backup; from local.home import Home;"
        "backup._switch_off = lambda _: os._exit(9);"
        "backup.restore(Home(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3]))"
    )
    command = [sys.executable, "-c", killed, str(home.path), CHOSEN, str(file)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 9
    assert (home.path / "postgres").exists()

    with pytest.raises(StartError, match="interrupted"):
        run(home, Settings(app_pg_bin=CHOSEN), free_port())
    home.close()
    with pytest.raises(StartError, match="interrupted"):
        backup(home, CHOSEN, tmp_path / "other.tar")
    restore(home, CHOSEN, file)

    assert not home.half_restored
    with started(home) as back, psycopg.connect(back.dsn()) as connection:
        assert connection.execute(VERDICT).fetchone() == ("rule_disabled",)


def test_a_directory_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir(mode=0o755)
    (home.path / "thesis.txt").write_text("years of work")
    file = broken_backup(home.path, b"no dump")

    with pytest.raises(StartError, match=r"is not empty: kept\.tar, thesis\.txt"):
        restore(home, CHOSEN, file)

    assert entries(home) == {"kept.tar", "thesis.txt"}
    assert oct(home.path.stat().st_mode)[-3:] == "755"


def test_nothing_is_not_backed_up(tmp_path: Path) -> None:
    file = tmp_path / "kept.tar"

    with pytest.raises(StartError, match="no data"):
        backup(Home(tmp_path / "home"), CHOSEN, file)

    assert not file.exists()
