"""This file is where log lines are made: one JSON object each, with ids, without texts."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# These log full addresses at INFO, tokens in the query included.
# Warnings are for programmers, and Google's library quotes answers in its own.
TOO_TALKATIVE = ("httpx", "httpcore", "httpx2", "google_genai", "apscheduler", "py.warnings")


class JsonLines(logging.Formatter):
    """An exception is told by its type and its path, never by its text: that may hold data.

    Every line says which `worker` wrote it, for lines of many are read together.
    """

    def __init__(self, worker: str = "") -> None:
        super().__init__()
        self._fixed = {"worker": worker} if worker else {}

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **self._fixed,
        }
        line |= {name: value for name, value in vars(record).items() if name not in STANDARD}
        if record.exc_info and record.exc_info[1]:
            line["exception"] = type(record.exc_info[1]).__name__
            line["places"] = [
                f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])
            ]
        return json.dumps(line, default=str, ensure_ascii=True)


def log_to_stderr(worker: str = "") -> None:
    """The log of a process: JSON lines on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(worker))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in TOO_TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
