"""This file is where nothing grows past what one can read at once.

The limits are the house style's, habit 9: files of 300 lines, functions of 40, docstring included.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREES = ("api", "assets", "bench", "local", "pages", "pipeline", "sql/parts", "tests")
KINDS = {".py", ".sql", ".js"}
# `versions` holds what was released, as it was.
NOT_OURS = {"vendor", "versions", "__pycache__", ".artifacts"}
LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 40


def our_files() -> list[Path]:
    below = [path for tree in TREES for path in (ROOT / tree).rglob("*")]
    return [
        path
        for path in (ROOT / "app.py", *below)
        if path.suffix in KINDS and not NOT_OURS & set(path.relative_to(ROOT).parts)
    ]


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_no_file_is_longer_than_its_limit():
    lines = {path: len(path.read_text().splitlines()) for path in our_files()}

    assert len(lines) > 100
    long = {path.name: count for path, count in lines.items() if count > LINES_OF_A_FILE}
    assert long == {}


def test_no_function_is_longer_than_its_limit():
    lines = {
        f"{path.relative_to(ROOT)}:{function.name}": (function.end_lineno or 0)
        - function.lineno
        + 1
        for path in our_files()
        if path.suffix == ".py"
        for function in functions(path)
    }

    assert len(lines) > 500
    assert {name: count for name, count in lines.items() if count > LINES_OF_A_FUNCTION} == {}
