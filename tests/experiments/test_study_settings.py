"""Settings that change a study: what they change, what the changed study is called, and what is refused."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import pytest
import typer

import bench
from bench import registry
from bench.cli import app
from bench.core import Arm, BenchError, Data, Factor, Light, Recipe
from bench.experiments.prepare_study import StudyRequest
from bench.experiments.run_study import RunOptions, command_of
from bench.experiments.study_settings import change_study, parse_settings


@pytest.fixture
def study(plugins):
    return registry.study("tiny")


def test_numbers_of_the_study_and_of_its_recipe_are_set(study):
    changed = change_study(study, {"folds": "3", "steps": 12, "permutations": "5", "margin": "0.05"}).study
    assert (changed.folds, changed.recipe.steps, changed.random_labels.permutations, changed.margin) == (3, 12, 5, 0.05)
    assert changed.recipe.batch_size == study.recipe.batch_size


def test_a_parameter_of_one_arm_and_of_a_data_set_is_set(study):
    study = replace(
        study, arms={**study.arms, "a.b": Arm("tiny_net")}, datasets=[Data("phantom_ad"), Data("tiny_volumes")]
    )
    changed = change_study(study, {"a.b.dropout": "0.5", "phantom_ad.effect": "0"}).study
    assert registry.make("methods", "tiny_net", changed.arms["a.b"].params).dropout == 0.5
    assert changed.arms["net"] == study.arms["net"]
    assert registry.make("datasets", "phantom_ad", changed.datasets[0].params).effect == 0
    assert changed.datasets[1] == study.datasets[1]


def test_all_divisions_of_a_data_set_have_its_new_parameter(study):
    study = replace(study, datasets=[Data("phantom_ad"), Data("phantom_ad", fraction=0.5), Data("tiny_volumes")])
    changed = change_study(study, {"phantom_ad.effect": "0"}).study
    assert [dict(each.params) for each in changed.datasets] == [{"effect": "0"}, {"effect": "0"}, {}]


def test_the_arm_that_factors_vary_is_set_by_base(study):
    factors = {"fault": Factor({"none": {}, "nan": {"fault": "nan"}}, "none")}
    study = replace(study, arms={}, base=Arm("tiny_net"), factors=factors)
    assert dict(change_study(study, {"base.dropout": 0.5}).study.base.params) == {"dropout": 0.5}
    with pytest.raises(BenchError, match=r"'fault=nan' is a combination of factors; base\.dropout sets"):
        change_study(study, parse_settings(['"fault=nan".dropout=0.5']))
    with pytest.raises(BenchError, match=r"the factor 'fault' sets fault"):
        change_study(study, {"base.fault": "nan"})


def test_the_light_form_has_the_settings_too(study):
    study = replace(study, light=Light(Recipe(steps=2), folds=2), folds=5)
    changed = change_study(study, {"steps": 9, "folds": 4, "partitions": 3}).study
    assert (changed.light.recipe.steps, changed.light.folds, changed.light.partitions) == (9, 4, 3)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("step", "did you mean 'steps'?"),
        ("nett.dropout", "no arm or data set 'nett'; did you mean 'net'?"),
        ("net.dropuot", "did you mean 'dropout'?"),
        ("tiny_volumes.x", "no parameter 'x'"),
        ("net.", "no arm or data set 'net'"),
    ],
)
def test_an_unknown_key_names_the_nearest_one(study, key, message):
    with pytest.raises(BenchError, match=rf"--set {re.escape(key)}: .*{re.escape(message)}"):
        change_study(study, {key: "1"})


@pytest.mark.parametrize(("key", "value"), [("folds", "many"), ("steps", "0"), ("net.dropout", "x"), ("seeds", "1.5")])
def test_a_value_of_another_type_is_refused(study, key, value):
    with pytest.raises(BenchError, match=key.rpartition(".")[2]):
        change_study(study, {key: value})


def test_too_few_folds_are_refused(study):
    with pytest.raises(BenchError, match="folds must be an integer of at least 2, not 1"):
        bench.plan("tiny", settings={"folds": 1})


def test_a_changed_study_has_a_name_of_its_own_whatever_the_order_and_spelling():
    names = {
        StudyRequest("oasis_ad", settings=settings).name
        for settings in ({"steps": "77", "folds": 3}, {"folds": "3", "steps": 77})
    }
    assert names == {"oasis_ad-with-folds=3,steps=77"}


def test_names_stay_apart_and_are_folders(study):
    study = replace(study, arms={"a b": Arm("tiny_net"), "a/b": Arm("tiny_net"), "a:b": Arm("tiny_net")})
    names = [change_study(study, {f"{label}.dropout": 0.5}).name("x") for label in study.arms]
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"[\w.=+,-]+", name) for name in names)


def test_a_value_that_the_study_has_itself_changes_nothing(study):
    changed = change_study(study, {"steps": str(study.recipe.steps), "net.dropout": 0})
    assert changed.name("tiny") == "tiny"
    assert changed.study.recipe == study.recipe
    assert changed.notes("tiny")[-1] == "steps=6 changes nothing: tiny has that value itself"


@pytest.mark.parametrize("text", ["steps", "=3", "", '"steps=3'])
def test_a_text_without_key_and_value_is_refused(text):
    with pytest.raises(BenchError, match="--set takes KEY=VALUE, such as steps=1000"):
        parse_settings([text])


def test_quotes_protect_a_sign_in_a_label_and_a_key_comes_once():
    assert parse_settings(['"dgm=off".lr=0.1', "a.b=x=y"]) == {"dgm=off.lr": "0.1", "a.b": "x=y"}
    with pytest.raises(BenchError, match="steps more than once"):
        parse_settings(["steps=1", "steps=2"])


def test_the_command_of_a_changed_study_can_be_typed_again(plugins):
    request = StudyRequest("tiny", settings={"net.dropout": "0.5", "a=b.c": "d e"})
    _, name, *words = shlex.split(command_of(request, RunOptions()))
    given = typer.main.get_command(app).commands[name].make_context(name, words).params["changes"]
    assert parse_settings(given) == request.settings


def test_results_of_a_changed_study_never_mix_with_those_of_the_study(plugins, tmp_path, one_format):
    changed = bench.run("tiny", arms="net", settings={"steps": 4, "net.dropout": 0.5}, launcher="serial")
    assert changed.study == "tiny-with-net.dropout=0.5,steps=4"
    assert changed.path.parent == tmp_path / "results" / changed.study
    assert not (tmp_path / "results" / "tiny").exists()
    assert {record.trial.recipe.steps for record in changed.records} == {4}
    assert {record.trial.method.params["dropout"] for record in changed.records} == {0.5}
    note = "this is another study: tiny with net.dropout=0.5 (instead of 0.0), steps=4 (instead of 6)"
    assert note in changed.path.read_text()
    planned = bench.plan("tiny", settings={"net.dropout": "0.5", "steps": "4"})
    assert planned.statuses["done"] == len(changed.records)
    assert bench.plan("tiny").statuses["done"] == 0
