"""`bench list`, `bench describe` and `bench cost` of members: whole words, near names, what a network costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from command_line import run_command
from rich.console import Console

from bench import registry
from bench.cli import list as lines
from bench.cli.list import _print_rows, shortened


def test_a_line_for_a_narrow_terminal_ends_after_a_whole_word_and_says_so():
    line = "constant  floor  The same prediction for every scan: class frequencies, median"
    for width in range(30, len(line)):
        cut = shortened(line, width)
        assert len(cut) <= width
        assert cut.endswith(" ...")
        words = cut.removesuffix(" ...")
        assert line.startswith(words)
        assert line[len(words)] in " ,:"
    assert shortened(line, len(line)) == line


def test_only_a_terminal_cuts_lines(capsys):
    rows = [{"name": "a", "summary": "words and " * 30}]
    assert not _print_rows(rows, (), Console(width=40))
    assert len(capsys.readouterr().out.strip()) > 200
    assert _print_rows(rows, (), Console(width=40, force_terminal=True))
    assert "..." in capsys.readouterr().out


def test_the_line_of_every_member_is_a_whole_sentence():
    found = lines.summaries()
    members = {*registry.names("methods"), *registry.names("curricula")}
    assert len(members & set(found)) > 40
    assert [name for name in sorted(members & set(found)) if not found[name].endswith((".", "?"))] == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("dclsee", "did you mean 'dclse'?"),
        ("oasis", "did you mean 'ad_oasis' or 'oasis_ad' or 'age_oasis'?"),
        ("DCLSE", "did you mean 'dclse'"),
        ("diffeomorphic", "the lines of demons, syn in `bench list` have the word"),
        ("xyzzyx", "`bench list` shows all names"),
    ],
)
def test_an_unknown_member_has_a_near_name_not_all_names(name, says, capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "describe", name)
    assert status == 2
    assert says in text
    assert len(text) < 300


def test_the_description_of_a_method_counts_its_network(capsys, monkeypatch, plugins):
    _, text = run_command(capsys, monkeypatch, "describe", "dclse", "--json")
    assert json.loads(text)["cost"].startswith("8,060,630 parameters, 473,293,216 FLOPs")
    program = "import sys; from bench.cli import app; app(['describe', 'dclse'], standalone_mode=False)"
    program += "; assert 'torch' not in sys.modules, 'counted again'"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    _, text = run_command(capsys, monkeypatch, "describe", "quickstart", "--json")
    assert "cost" not in json.loads(text)


def test_the_cost_on_a_data_set_is_that_of_the_shape_that_the_view_makes(capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "cost", "dclse", "--dataset", "ad_oasis", "--json")
    on_data = json.loads(text)
    assert status == 0
    shape = ",".join(map(str, on_data["shape"]))
    by_shape = json.loads(run_command(capsys, monkeypatch, "cost", "dclse", "--shape", shape, "--json")[1])
    assert on_data["parameters"] == by_shape["parameters"] == 8060630
    assert on_data["forward_flops"] == by_shape["forward_flops"] > 1e8


def test_a_method_that_cannot_read_the_data_says_why_and_the_others_are_counted(capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "cost", "unet3d", "linear", "-d", "bt_mri", "--json")
    refused, counted = json.loads(text)
    assert status == 0
    assert refused["why"]
    assert counted["parameters"] > 0
    status, text = run_command(capsys, monkeypatch, "cost", "unet3d", "-d", "bt_mri")
    assert status == 2
    assert "unet3d cannot read bt_mri:" in text
    status, text = run_command(capsys, monkeypatch, "cost", "dclse")
    assert "give --dataset NAME, or --shape" in text
