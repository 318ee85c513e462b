"""The shape of the house: layers (import-linter checks those), sizes, and what may be imported at the door."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    path for part in ("bench", "baselines", "dclse", "studies", "tests") for path in sorted((ROOT / part).rglob("*.py"))
]
MEMBERS = [path for path in FILES if path.parent.name in ("datasets", "baselines", "curricula", "studies")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_long_and_no_function_either(path):
    text = path.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert _length(node) <= 40, f"{node.name} has {_length(node)} lines"


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its docstring not counted."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    return function.end_lineno - function.lineno + 1 - documented * (first.end_lineno - first.lineno + 1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_has_a_docstring(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    if ROOT / "tests" not in path.parents:
        public = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and not n.name.startswith("_")]
        assert not [node.name for node in public if not ast.get_docstring(node)]


def test_members_are_cheap_to_import():
    program = (
        "import sys\nfrom bench import registry\nfor kind in registry.KINDS:\n    registry.names(kind)\n"
        "heavy = {'torch', 'ray', 'monai', 'timm', 'pandas', 'sklearn', 'scipy', 'nibabel'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_top_level_stays_as_it_is():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    tops = {line.partition("/")[0] for line in listed.splitlines()}
    folders = {"bench", "baselines", "dclse", "studies", "results", "tests", ".ci"}
    files = {"pyproject.toml", "README.md", "CITATION.cff", "Makefile", "constraints.txt", "LICENSE", ".gitignore"}
    assert tops <= folders | files
