"""This file is where the calls of tables are read out of source: the app's, and this suite's."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from postgrest import SyncRequestBuilder, SyncSelectRequestBuilder

from tests.running import ROOT

ROOTS = {"table", "from_"}
VERBS = {
    name
    for builder in (SyncRequestBuilder, SyncSelectRequestBuilder)
    for name, _ in inspect.getmembers(builder)
    if not name.startswith("__") and name != "execute"
}
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
# What is called on a table: the verb, with its column or columns where they can be told.
Called = tuple[str, str]


@dataclass
class Source:
    """The functions of some modules."""

    functions: list[tuple[ModuleType, Function]] = field(default_factory=list)

    @classmethod
    def below(cls, *parts: str) -> "Source":
        """Everything in these directories and files that may speak of a table."""
        found = cls()
        for part in parts:
            path = ROOT / part
            for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
                text = file.read_text()
                if any(f"{word}(" in text for word in (*ROOTS, "_read", "_all")):
                    found.functions += _functions(file, text)
        return found

    def calls(self) -> dict[str, set[Called]]:
        """What is called on each table; AssertionError for a table that cannot be told."""
        told: dict[str, set[Called]] = {}
        for module, function in self.functions:
            parameters = [each.arg for each in function.args.args if each.arg != "self"]
            if _asks_a_table_it_is_given(function, parameters):
                for given in self._given(getattr(function, "name", ""), parameters):
                    _collect(told, function, given)
            else:
                _collect(told, function, vars(module))
        return told

    def _given(self, name: str, parameters: list[str]) -> Iterator[dict[str, Any]]:
        for module, function in self.functions:
            for node in ast.walk(function):
                if not (isinstance(node, ast.Call) and _attribute(node) == name):
                    continue
                if len(node.args) == len(parameters):
                    values = (_value(argument, vars(module)) for argument in node.args)
                    yield vars(module) | dict(zip(parameters, values, strict=True))


def _functions(file: Path, text: str) -> Iterator[tuple[ModuleType, Function]]:
    module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            yield module, node


def _attribute(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _asks_a_table_it_is_given(function: Function, parameters: list[str]) -> bool:
    return any(
        isinstance(node, ast.Call)
        and _attribute(node) in ROOTS
        and isinstance(node.args[0], ast.Name)
        and node.args[0].id in parameters
        for node in ast.walk(function)
    )


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    """What an expression is by constants alone, else None: nothing is called but "".join."""
    called = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    if any(_attribute(call) != "join" for call in called):
        return None
    try:
        return eval(compile(ast.Expression(node), "", "eval"), {}, names)  # noqa: S307 - our own source
    except Exception:
        return None


def _collect(told: dict[str, set[Called]], function: Function, names: dict[str, Any]) -> None:
    known, tables = dict(names), dict[str, str]()
    nodes = sorted(
        (node for node in ast.walk(function) if isinstance(node, ast.Assign | ast.Call)),
        key=lambda node: (node.lineno, isinstance(node, ast.Assign)),
    )
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            known[name] = _value(node.value, known)
            if table := _table(node.value, tables, known):
                tables[name] = table
    for node in nodes:
        if not (isinstance(node, ast.Call) and _attribute(node) in VERBS):
            continue
        if table := _table(node.func, tables, known):
            told.setdefault(table, set()).add((_attribute(node), _column(node, known)))


def _table(node: ast.AST, tables: dict[str, str], known: dict[str, Any]) -> str | None:
    """The table at the beginning of a chain of calls."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Call) and _attribute(node) in ROOTS:
            table = _value(node.args[0], known)
            assert isinstance(table, str), f"which table is {ast.unparse(node)}?"
            return table
        node = node.func if isinstance(node, ast.Call) else node.value
    return tables.get(node.id) if isinstance(node, ast.Name) else None


def _column(call: ast.Call, known: dict[str, Any]) -> str:
    first = _value(call.args[0], known) if call.args else None
    column = first.replace(" ", "") if isinstance(first, str) and _attribute(call) != "or_" else ""
    return " ".join([column, *sorted(f"{each.arg}" for each in call.keywords)]).strip()
