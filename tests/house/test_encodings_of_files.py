"""Files are read and written as UTF-8, whatever the locale is: every call says so."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for name in ("bench", "baselines", "dclse", "studies") for path in (ROOT / name).rglob("*.py"))
PLACE = {"read_text": 0, "write_text": 1}  # of the encoding among the arguments


def without_encoding(tree):
    """The calls that would use the encoding of the locale."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "encoding" not in {each.arg for each in node.keywords}:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if (
                (name in PLACE and len(node.args) <= PLACE[name])
                or (name == "open" and is_text(node))
                or is_text_process(node)
            ):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def is_text(node):
    """Whether a call of `open` has a mode of text: the second argument of the function, the first of the method."""
    at = 1 if isinstance(node.func, ast.Name) else 0
    modes = [*node.args[at : at + 1], *(each.value for each in node.keywords if each.arg == "mode")]
    if not modes:
        return isinstance(node.func, ast.Name)
    return isinstance(modes[0], ast.Constant) and isinstance(modes[0].value, str) and "b" not in modes[0].value


def is_text_process(node):
    return any(each.arg in ("text", "universal_newlines") for each in node.keywords) and "run" in ast.unparse(node.func)


@pytest.mark.parametrize(
    "call",
    ["path.read_text()", "path.write_text(words)", "open(path)", "path.open('a')", "subprocess.run(w, text=True)"],
)
def test_a_call_without_an_encoding_is_found(call):
    assert list(without_encoding(ast.parse(call)))


def test_every_call_names_its_encoding():
    found = [(path, each) for path in FILES for each in without_encoding(ast.parse(path.read_text("utf-8")))]
    assert found == []
