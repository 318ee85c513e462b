"""Functions of the statistics and of the public modules have docstrings with their parameters and returns."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import bench

HOME = Path(bench.__file__).parent
FILES = sorted([*HOME.glob("evaluation/*.py"), *HOME.glob("registry/*.py"), HOME / "experiments" / "api.py"])


def _public(tree: ast.Module) -> list[ast.FunctionDef]:
    """The public functions of a module and of its public classes that take arguments."""
    owners = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))]
    functions = [node for owner in owners for node in owner.body if isinstance(node, ast.FunctionDef)]
    return [each for each in functions if not each.name.startswith("_") and _arguments(each)]


def _arguments(function: ast.FunctionDef) -> list[str]:
    return [each.arg for each in (*function.args.args, *function.args.kwonlyargs) if each.arg not in ("self", "cls")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_parameters_and_returns_are_described_by_section(path):
    lacking = {}
    for function in _public(ast.parse(path.read_text(encoding="utf-8"))):
        text = ast.get_docstring(function) or ""
        returns = not (isinstance(function.returns, ast.Constant) and function.returns.value is None)
        text = text.replace("Yields\n---", "Returns\n---")
        wanted = ["Parameters", *(["Returns"] if returns else [])]
        if missing := [section for section in wanted if f"{section}\n---" not in text]:
            lacking[function.name] = missing
    assert lacking == {}
