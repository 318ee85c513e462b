"""Augmented networks are calibrated on scans as they are tested, and no policy hides a strong effect."""

from __future__ import annotations

import statistics

import pytest
from performance.augmentation_calibration import trained

from bench.data.prepare import prepare

pytestmark = pytest.mark.slow

CLASSES = "phantom_ad:effect=3,subjects=80"
NUMBERS = "phantom_age:effect=3,subjects=160"
FOLDS = (0, 1, 2)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Rows of the trained networks by data set and policy, three folds each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA", str(tmp_path_factory.mktemp("data")))
        prepare("phantom_ad", params={"effect": 3.0, "subjects": 80})
        prepare("phantom_age", params={"effect": 3.0, "subjects": 160})
        policies = ("none", "affine", "light", "nnunet", "strong")
        found = {(CLASSES, policy): [trained(CLASSES, fold, policy, 240) for fold in FOLDS] for policy in policies}
        for policy in policies:
            found[NUMBERS, policy] = [trained(NUMBERS, fold, policy, 600) for fold in FOLDS]
        return found


def mean(rows, data, policy, score):
    return statistics.mean(row[score] for row in rows[data, policy])


@pytest.mark.parametrize("policy", ["affine", "light"])
def test_log_loss_on_unaugmented_training_scans_is_that_of_plain_training(rows, policy):
    assert mean(rows, CLASSES, policy, "train_log_loss") <= mean(rows, CLASSES, "none", "train_log_loss") + 0.02


@pytest.mark.parametrize("policy", ["affine", "light", "nnunet", "strong"])
def test_ages_of_unaugmented_scans_are_not_worse(rows, policy):
    assert mean(rows, NUMBERS, policy, "test_mae") <= mean(rows, NUMBERS, "none", "test_mae") + 0.5


@pytest.mark.parametrize("policy", ["affine", "light", "nnunet", "strong"])
def test_every_policy_keeps_a_strong_effect(rows, policy):
    assert mean(rows, CLASSES, "none", "test_auc") > 0.95
    assert mean(rows, CLASSES, policy, "test_auc") >= mean(rows, CLASSES, "none", "test_auc") - 0.02
