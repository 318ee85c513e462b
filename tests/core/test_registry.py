"""Promises of bench.registry: names, parameters, plug-ins, and errors that help."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench import registry
from bench.core import BenchError
from bench.data.loader import view_array
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


METHOD = '''
from dataclasses import dataclass
from bench.method import Method

{decorator}
class Mine(Method):
    """A network."""

    {family}
    width: int = 4

    def build(self, task, shape):
        return None

METHOD = {value}
'''
RIGHT = {
    "decorator": "@dataclass(frozen=True, kw_only=True)", "family": 'family = "2d"', "value": "Mine",
}  # fmt: skip


@pytest.fixture
def mistaken(tmp_path, monkeypatch):
    """A function that writes a plug-in file, reads it, and returns the message of the error."""

    def message(text):
        (tmp_path / "mine.py").write_text(text)
        monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path))
        registry.clear_cache()
        with pytest.raises(BenchError) as caught:
            registry.member("methods", "mine")
        return str(caught.value)

    yield message
    registry.clear_cache()


def test_a_file_that_cannot_be_loaded_names_the_line_of_the_error(mistaken):
    assert "mine.py cannot be loaded: ZeroDivisionError: division by zero (line 3)" in mistaken("\n\nSTUDY = 1 / 0\n")


def test_a_line_is_that_of_the_users_file_also_if_the_error_arises_deeper(mistaken):
    assert mistaken("from bench.core import Study\n\nSTUDY = Study(referense='a')\n").endswith("(line 3)")


@pytest.mark.parametrize(("module", "call", "message"), [
    ("bench.core", "Study(referense='a')", "Study has no field 'referense'; did you mean 'reference'?"),
    ("bench.core", "Arm('linear', parms={})", "Arm has no field 'parms'; did you mean 'params'?"),
    ("bench.report.tables", "TableSpec(titel='a')", "TableSpec has no field 'titel'; did you mean 'title'?"),
    ("bench.curriculum", "Stage(blurr=1)", "Stage has no field 'blurr'; did you mean 'blur'?"),
])  # fmt: skip
def test_a_misspelt_field_gets_the_nearest_name(mistaken, module, call, message):
    assert mistaken(f"from {module} import *\n{call}\n").endswith(f"cannot be loaded: {message} (line 2)")


def test_another_wrong_argument_keeps_its_own_message(mistaken):
    assert "TypeError: int() takes at most 2 arguments" in mistaken("int(1, 2, 3)\n")


def test_a_family_that_does_not_exist_is_refused_with_those_that_do(mistaken):
    message = mistaken(METHOD.format(**{**RIGHT, "family": 'family = "4d"'}))
    assert "the family of Mine is '4d'; it must be one of floor, 2d, 3d, hybrid, distillation, dclse" in message


@pytest.mark.parametrize(("attribute", "base"), [
    ("DATASET", "bench.core.Dataset"),
    ("METHOD", "bench.method.Method"),
    ("CURRICULUM", "bench.curriculum.Curriculum"),
])  # fmt: skip
@pytest.mark.parametrize("value", ["3", "object()", "dict"])
def test_a_member_that_is_no_class_of_its_kind_names_the_class_it_must_have(mistaken, attribute, base, value):
    message = mistaken(f"{attribute} = {value}\n")
    assert f"mine.py: {attribute} is " in message
    assert f"subclass of {base}" in message


def test_an_instance_in_place_of_the_class_is_named(mistaken):
    message = mistaken(METHOD.format(**{**RIGHT, "value": "Mine()"}))
    assert "METHOD is an instance of Mine" in message
    assert "without parentheses" in message


def test_a_class_with_parameters_that_is_no_dataclass_names_the_decorator(mistaken):
    message = mistaken(METHOD.format(**{**RIGHT, "decorator": ""}))
    assert "'width'" in message
    assert "@dataclass(frozen=True, kw_only=True)" in message


def test_a_method_without_a_family_is_refused(mistaken):
    assert "Mine has no `family`" in mistaken(METHOD.format(**{**RIGHT, "family": "pass"}))


def test_a_subclass_that_only_overrides_needs_no_decorator(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        METHOD.format(**RIGHT) + "\nclass Other(Mine):\n    version = 2\n\nMETHOD = Other\n"
    )
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path))
    registry.clear_cache()
    assert registry.make("methods", "mine", {"width": 7}).width == 7
    registry.clear_cache()


VIEW = '''
from dataclasses import dataclass
from bench.views import View

@dataclass(frozen=True)
class Own(View):
    """Every second voxel."""

    {name}

    def shape(self, shape, spacing):
        return (shape[0], *(size // 2 for size in shape[1:]))

    def __call__(self, x, spacing):
        return x[..., ::2, ::2, ::2] * {factor}

    def left_right(self):
        return 1

STUDY = None
'''


def test_a_view_that_takes_the_name_of_another_is_refused_and_replaces_none(mistaken):
    built_in = VIEWS["mean"]
    message = mistaken(VIEW.format(name='kind_name = "mean"', factor=1))
    assert "Own has the `kind_name` 'mean' of bench.views.projections.Mean" in message
    assert VIEWS["mean"] is built_in


def test_a_view_without_a_name_is_refused(mistaken):
    assert "Own has no `kind_name`" in mistaken(VIEW.format(name="", factor=1))


def test_a_view_whose_shape_and_output_disagree_is_named(tmp_path, monkeypatch):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own_view.py").write_text(
        VIEW.format(name='kind_name = "own"', factor=1).replace("::2, ::2, ::2", "::2, ::2, :")
    )
    monkeypatch.setenv("BENCH_PLUGINS", str(folder))
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    registry.clear_cache()
    registry.names("methods")
    images = np.ones((3, 1, 4, 4, 4), np.float32)
    scans = SimpleNamespace(
        images=lambda: images, shape=(1, 4, 4, 4), spacing=(1.0, 1.0, 1.0), fingerprint="f", name="n"
    )
    with pytest.raises(
        ValueError, match=r"view own computes scans of shape \(1, 2, 2, 4\) .*`shape` returns \(1, 2, 2, 2\)"
    ):
        view_array(scans, VIEWS["own"]())
    del VIEWS["own"]
    registry.clear_cache()


def test_an_edited_view_of_a_plug_in_is_not_read_from_the_cache(tmp_path, monkeypatch):
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("BENCH_PLUGINS", str(folder))
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    images = np.ones((3, 1, 4, 4, 4), np.float32)
    scans = SimpleNamespace(
        images=lambda: images, shape=(1, 4, 4, 4), spacing=(1.0, 1.0, 1.0), fingerprint="f", name="n"
    )
    values = []
    for factor in (1, 20):
        (folder / "own_view.py").write_text(VIEW.format(name='kind_name = "own"', factor=factor))
        sys.modules.pop("bench_plugins.own_view", None)
        registry.clear_cache()
        registry.names("methods")
        values.append(float(view_array(scans, VIEWS["own"]()).max()))
    assert values == [1, 20]
    del VIEWS["own"]
    registry.clear_cache()
