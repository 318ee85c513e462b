"""What a command prints where the encoding lacks a letter, and what it takes away from its environment."""

from __future__ import annotations

import io
import os
import sys
import warnings

import pytest

from bench.cli import own_process


@pytest.fixture
def stdout(monkeypatch):
    """A stdout of an encoding, shielded; returns what was printed as bytes."""

    def make(encoding: str, text: str) -> bytes:
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
        own_process._print_everything()
        print(text, end="", flush=True)
        return raw.getvalue()

    return make


@pytest.mark.parametrize(
    ("encoding", "text", "printed"),
    [
        ("ascii", "\N{MINUS SIGN}1 \N{EN DASH} 2", b"-1 - 2"),
        ("latin-1", "3 \N{MULTIPLICATION SIGN} \N{LESS-THAN OR EQUAL TO} é", b"3 \xd7 <= \xe9"),
        ("ascii", "é大", b"e\\u5927"),
        ("utf-8", "é \udce9", b"\xc3\xa9 \xe9"),  # a file's name in another encoding keeps its bytes
        ("ascii", "\udce9", b"\xe9"),
    ],
)
def test_a_letter_that_the_encoding_lacks_is_printed_as_a_similar_one_or_its_number(stdout, encoding, text, printed):
    assert stdout(encoding, text) == printed


def test_warnings_as_errors_of_the_environment_end_with_the_command(monkeypatch):
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    with warnings.catch_warnings():
        own_process._no_warning_is_an_error()
        warnings.warn("of a library", DeprecationWarning, stacklevel=1)
    assert "PYTHONWARNINGS" not in os.environ


@pytest.mark.parametrize(("given", "kept"), [("1", None), ("0", None), ("39", None), ("40", "40"), ("wide", "wide")])
def test_a_width_that_holds_no_table_is_ignored(monkeypatch, given, kept):
    monkeypatch.setenv("COLUMNS", given)
    own_process._enough_columns()
    assert os.environ.get("COLUMNS") == kept
