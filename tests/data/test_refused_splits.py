"""Ways to test that cannot be: one message before anything is made, and exit status 2."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import registry
from bench.cli import app
from bench.core import BenchError, Data, Split, Task
from bench.data import splits
from bench.data.prepare import fingerprint, prepare
from bench.experiments import plan, split_check


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("ad_oasis@sites", "no split or data set 'sites'; did you mean 'site'?"),
        ("ad_oasis@", "'ad_oasis@' has nothing after the @; give site, publisher or a data set"),
        ("bt_mir", "no data set 'bt_mir'; did you mean 'bt_mri'?"),
        ("bt_mri@bt_ct@site", "no split or data set 'bt_ct@site'; did you mean 'bt_ct'?"),
        ("ad_oasis@publisher", "phantom_ad has no training and test parts of its publisher; split by kfold"),
        (
            "ad_oasis@site",
            "phantom_ad has scans of fewer than two sites, so it cannot be split by site; split by kfold",
        ),
        ("ad_oasis@0", "fraction must be above 0 and at most 1"),
        ("ad_oasis@noise100", "noise at least 0 and below 1"),
        ("age_ixi@noise40", "age_ixi@noise40: label noise swaps classes, and age_ixi is a regression task"),
        ("artery_cas@noise40", "and artery_cas is a segmentation task"),
        ("artery_cas@missing100", "the share of missing components must be at least 0 and below 1"),
        ("age_ixi@missing50", "components are left out of masks, and age_ixi is a regression task"),
        ("pairs_ixi@missing50", "and pairs_ixi is a registration task; remove the suffix"),
        ("ad_oasis@phantom_ad", "one of the data sets is a phantom"),
        ("phantom_ad@ad_oasis", "one of the data sets is a phantom"),
        ("phantom_ad@phantom_ad", "phantom_ad cannot be the external test of phantom_ad: both are phantom_ad"),
        (
            "bt_mri@age_ixi",
            "phantom_bt_mri is a classification task and phantom_age a regression task: models of one cannot be tested",
        ),
        (
            "bt_ct@bt_mri",
            "does not say which class of bt_mri is 'tumor'; give labels, as in Data('bt_ct', external=Data('bt_mri'),"
            " labels={'tumor': 'meningioma'})",
        ),
        ("ad_mri2d@ad_oasis", "its 6,400 slices are 32 slices of each of 200 people of OASIS-1"),
        ("age_openbhb@age_ixi", "OpenBHB contains IXI"),
        ("roi_ixi", "roi_ixi is not prepared and left out; run: bench prepare roi_ixi --from FOLDER"),
    ],
)
def test_a_way_that_cannot_be_is_refused_in_words(data, says):
    printed = CliRunner().invoke(app, ["plan", "--study", "tour", "--datasets", data, "--stand-ins"])
    assert isinstance(printed.exception, BenchError)
    assert printed.exception.status == 2
    assert says in str(printed.exception)


def test_one_phantom_that_stands_in_for_both_sets_is_of_other_people():
    study = replace(registry.study("tour"), datasets=[Data("ad_adni", external=Data("ad_oasis"))])
    (found,), _ = plan.locate(study, fingerprint, stand_ins=True)
    assert found.where == "phantom_ad@phantom_ad"
    assert (found.spec.params["seed"], found.external.data.params["seed"]) == (0, 1)
    learnt, tested = (
        registry.make("datasets", spec.name, {**spec.params, "subjects": 4, "mm": 12.0}).samples(None)
        for spec in found.specs
    )
    assert all((one.read().image != other.read().image).any() for one, other in zip(learnt, tested, strict=True))


def test_classes_of_one_name_are_one_class(plugins):
    data = Data("tiny_places", {"kinds": True}, external=Data("tiny_images"), labels={"black": "dark"})
    (found,), _ = plan.locate(replace(registry.study("tiny"), datasets=[data]), fingerprint)
    assert found.external.labels == {"black": "dark", "grey": "grey", "bright": "bright"}


def test_scans_without_a_site_are_counted(mine, tmp_path):
    mine(body="pass")
    path = tmp_path / "own" / "mine.py"
    text = path.read_text().replace("lambda i=i: self.read(i))", "lambda i=i: self.read(i), ['', 'x', 'y'][i])")
    path.write_text(text)
    registry.clear_cache()
    prepared = prepare("mine")
    assert prepared.sites == ("", "x", "y")
    says = "1 of the 3 scans of mine have no site"
    with pytest.raises(BenchError, match=says):
        splits.fold(prepared, Split("site", 3), 0, 0)
    study = replace(registry.study("tour"), datasets=[Data("mine", split="site")])
    found, _ = plan.locate(study, fingerprint)
    with pytest.raises(BenchError, match=says):
        plan.cells(study, found)


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_prepared_set_without_enough_people_of_a_class_is_refused_before_training(mine, command):
    mine(body="image[0, 0, 0, 0] = i")
    prepare("mine")
    shown = CliRunner().invoke(app, [command, "--study", "tour", "--datasets", "mine"])
    assert isinstance(shown.exception, BenchError)
    assert (shown.exception.status, "the class 'b' of mine has 1 groups" in str(shown.exception)) == (2, True)


def test_an_external_test_set_of_one_class_is_refused_before_training():
    one = Task("classification", "auc", ("well", "ill"))
    tested = SimpleNamespace(name="clinic", task=one, targets=np.ones(5))
    item = SimpleNamespace(where="study@clinic", external=SimpleNamespace(labels={}))
    with pytest.raises(
        BenchError, match="study@clinic: all scans of clinic have the class ill, so no score can be com"
    ):
        split_check.check_external(item, tested)
    split_check.check_external(item, SimpleNamespace(**{**vars(tested), "targets": np.array([0.0, 1.0])}))
