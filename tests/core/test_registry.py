"""Promises of bench.registry: names, parameters, plug-ins, and errors that help."""

from __future__ import annotations

import pytest

from bench import registry
from bench.core import BenchError
from bench.views import VIEWS


@pytest.mark.parametrize(("kind", "wrong", "near"), [
    ("methods", "tinynet", "tiny_net"),
    ("datasets", "tiny_volume", "tiny_volumes"),
    ("curricula", "non", "none"),
    ("studies", "tin", "tiny"),
])  # fmt: skip
def test_a_wrong_name_gets_the_nearest_name(plugins, kind, wrong, near):
    with pytest.raises(BenchError, match=f"did you mean '{near}'"):
        registry.member(kind, wrong)


def test_a_wrong_parameter_gets_the_nearest_name(plugins):
    with pytest.raises(BenchError, match="no parameter 'drop_out'; did you mean 'dropout'"):
        registry.make("methods", "tiny_net", {"drop_out": 0.1})


@pytest.mark.parametrize("params", [{"lr": "fast"}, {"lr": True}, {"fault": "other"}, {"view": "volum"}, {"view.m": 2}])
def test_a_wrong_value_is_an_error_of_the_author(plugins, params):
    with pytest.raises(BenchError):
        registry.make("methods", "tiny_net", params)


@pytest.mark.parametrize(
    ("given", "got"),
    [({"lr": "0.5"}, 0.5), ({"lr": 1}, 1.0), ({"lr": "1e-4"}, 1e-4)],
)
def test_values_are_brought_to_the_type_of_the_default(plugins, given, got):
    lr = registry.make("methods", "tiny_net", given).lr
    assert lr == got
    assert isinstance(lr, float)


def test_a_dotted_name_sets_a_field_of_a_view(plugins):
    view = registry.make("methods", "tiny_net", {"view": "volume", "view.mm": "3"}).view
    assert view == VIEWS["volume"](3.0)


def test_a_spec_spells_out_every_default(plugins):
    spec = registry.spec("methods", "tiny_net")
    assert spec.params["view"] == {"kind": "volume", "mm": 8.0}
    assert spec == registry.spec("methods", "tiny_net", {"dropout": 0.0})


def test_two_files_of_one_name_are_an_error(tmp_path, monkeypatch):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text("STUDY = 1\n")
    monkeypatch.setenv("BENCH_PLUGINS", f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    registry.clear_cache()
    with pytest.raises(BenchError, match="two files define the study 'same'"):
        registry.member("studies", "same")
    assert "quickstart" in registry.names("studies")
    registry.clear_cache()


def test_a_plugin_folder_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("BENCH_PLUGINS", "/nowhere/at/all")
    with pytest.raises(BenchError, match="/nowhere/at/all"):
        registry.names("studies")


def test_other_parts_of_a_plugin_folder_are_found_by_their_attribute(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text('"""A file with a part that is no member."""\n\nGADGET = 7\n')
    (tmp_path / "_private.py").write_text('"""Not looked at."""\n\nGADGET = 8\n')
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path))
    assert registry.plugin_extensions("GADGET") == [(7, tmp_path / "mine.py")]
    assert registry.plugin_extensions("WIDGET") == []
