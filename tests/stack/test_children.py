"""This file is where children's logs stay small and tell why a child ended."""

from pathlib import Path

from local.children import LARGEST_LOG, Child, last_line, shorten
from local.keeper import Keeper
from tests.running import until


def child(log: Path, code: str, stop_seconds: float = 4) -> Child:
    """A child that runs `code`."""
    return Child("worker", ("-c", code), {"PATH": "/usr/bin:/bin"}, log, stop_seconds=stop_seconds)


def test_a_large_log_is_put_aside_and_one_old_one_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    for letter in ("a", "b"):
        log.write_text(letter * (LARGEST_LOG + 1))
        shorten(log)

    assert (tmp_path / "worker.log.old").read_text()[0] == "b"
    assert log.read_text() == ""


def test_a_log_is_shortened_while_it_is_written(tmp_path: Path) -> None:
    told = tmp_path / "told"
    waits = f"import os, time\nwhile not os.path.exists({str(told)!r}): time.sleep(0.01)\n"
    writer = child(
        tmp_path / "worker.log",
        f"print('a' * {LARGEST_LOG}, flush=True)\n{waits}print('after')",
    )

    writer.launch()
    until(lambda: writer.log.stat().st_size > LARGEST_LOG)
    Keeper(writer, lambda _: None).tend()
    told.touch()
    until(lambda: not writer.alive())

    assert writer.log.read_text() == "after\n"


def test_a_child_that_gives_up_is_quoted(tmp_path: Path) -> None:
    gives_up = child(
        tmp_path / "worker.log", "import sys; sys.exit('GOOGLE_API_KEY is missing\\n')"
    )

    gives_up.launch()
    until(lambda: not gives_up.alive())

    assert gives_up.last_words().startswith("exit code 1; its log ")
    assert gives_up.last_words().endswith("ends: GOOGLE_API_KEY is missing")


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    deaf = child(
        log,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('deaf', flush=True); time.sleep(60)",
        stop_seconds=0.1,
    )
    deaf.launch()
    until(lambda: last_line(log) == "deaf")

    deaf.stop()

    assert deaf.last_words() == "killed by SIGKILL"
