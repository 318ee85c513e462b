"""A reader who predicts all but noise and lesion: the score of importance ranks the lesion's contrast first."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench import registry
from bench.evaluation.modality_importance import PairScores, scores_of
from studies.modality_importance import STUDY

CONTRASTS = ("T1", "T1Gd", "T2", "FLAIR")
FOLDS, PEOPLE = 5, 3


def images(**params):
    made = registry.make("datasets", "phantom_modalities", {**STUDY.datasets[0].params, **params})
    return np.stack([sample.read().image for sample in made.samples(None)]).astype(float)


def scores(measured, predicted):
    """Of every pair of contrasts; the perfect prediction of a contrast is the same from any other."""
    rows = []
    for person, (source, target) in itertools.product(range(len(measured)), itertools.permutations(range(4), 2)):
        truth, guess = measured[person, target], predicted[person, target]
        reach = float(np.percentile(truth[truth > 20], 95))
        psnr = peak_signal_noise_ratio(truth, guess, data_range=reach)
        rows.append((source, target, psnr, structural_similarity(truth, guess, data_range=reach), person))
    return PairScores(*(np.array(column) for column in zip(*rows, strict=True)))


@pytest.mark.parametrize("lesion", CONTRASTS)
def test_the_oracle_ranks_the_contrast_of_the_lesion_first_in_every_fold(lesion):
    given = {"subjects": FOLDS * PEOPLE, "lesion": lesion}
    found = scores(images(**given), images(**given, effect=0.0, noise=0.0))
    for fold in range(FOLDS):
        hard, _ = scores_of(found.of(found.people % FOLDS == fold), 4)
        first, second = np.argsort(hard)[:-3:-1]
        assert CONTRASTS[first] == lesion
        assert hard[first] > hard[second] + 0.5


def test_without_a_lesion_two_contrasts_of_the_same_tissues_are_equally_hard():
    given = {"subjects": 4, "effect": 0.0}
    hard, _ = scores_of(scores(images(**given), images(**given, noise=0.0)), 4)
    assert hard[0] == pytest.approx(hard[1], abs=0.1)
