"""This file is where app.py, which import-linter cannot see, is kept off the embedded stack."""

import ast
from pathlib import Path

APP = Path(__file__).parents[2] / "app.py"


def test_the_dashboard_does_not_import_the_embedded_stack():
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(APP.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert "local" not in imported
    assert {"api", "pages", "pipeline"} <= imported
