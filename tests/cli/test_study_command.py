"""The name of a study on the command line, and options that are settings."""

from __future__ import annotations

import pytest
import typer
from command_line import run_command
from typer.exceptions import TyperException

from bench.cli import app

COMMANDS = typer.main.get_command(app).commands


def parsed(name: str, *words: str) -> dict:
    return COMMANDS[name].make_context(name, list(words)).params


@pytest.mark.parametrize("name", ["run", "plan", "tune", "status", "report", "stress"])
def test_the_study_needs_no_option(name):
    assert parsed(name, "seeds") == parsed(name, "--study", "seeds") == parsed(name, "-s", "seeds")


def test_a_value_of_an_option_is_not_taken_for_the_study():
    params = parsed("run", "--arm", "seeds", "seeds", "--retry")
    assert (params["study"], params["arm"], params["retry"]) == ("seeds", ["seeds"], True)


@pytest.mark.parametrize(
    "words", [("run", "one", "two"), ("run", "one", "--study", "two"), ("run",), ("cost", "--arm")]
)
def test_two_names_and_none_are_refused(words):
    with pytest.raises(TyperException):
        parsed(*words)


def test_the_help_shows_where_the_study_goes(capsys, monkeypatch):
    assert "bench run [OPTIONS] STUDY" in run_command(capsys, monkeypatch, "run", "--help")[1]
    assert "bench status [OPTIONS] [STUDY]" in run_command(capsys, monkeypatch, "status", "--help")[1]
    assert "STUDY" not in run_command(capsys, monkeypatch, "audit", "--help")[1].partition("Options")[0]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("run", "--study", "quickstart", "--folds", "5"), "bench run has no option --folds; write: --set folds=5"),
        (("plan", "quickstart", "--batch-size=4"), "no option --batch-size; write: --set batch_size=4"),
        (("tune", "quickstart", "--steps"), "no option --steps; write: --set steps=VALUE"),
    ],
)
def test_an_option_that_is_a_setting_is_refused_with_the_setting(capsys, monkeypatch, words, hint):
    status, text = run_command(capsys, monkeypatch, *words)
    assert status == 2
    assert hint in text


def test_plan_with_a_wrong_setting_ends_with_the_nearest_key(capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "plan", "quickstart", "--set", "step=3")
    assert (status, "did you mean 'steps'?" in text) == (2, True)
