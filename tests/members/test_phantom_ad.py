"""The phantom of dementia: a brain, an illness of known place and size, and no other difference between the classes."""

from __future__ import annotations

import time

import numpy as np
import pytest

from bench import registry
from bench.core import BenchError
from bench.data.prepare import prepare
from bench.datasets._anatomy import CORNER, grid_shape, smooth_field

CLEAN = {"noise": 0.0, "bending": 0.0}


def phantom(**params):
    return registry.make("datasets", "phantom_ad", params)


def read(made, number: int) -> np.ndarray:
    return made.samples(None)[number].read().image[0]


def at(x: float, y: float, z: float, mm: float) -> tuple[slice, ...]:
    """The voxel at a place in MNI space, and its neighbours."""
    places = [round((value - low) / mm) for value, low in zip((x, y, z), CORNER, strict=True)]
    return tuple(slice(place - 1, place + 2) for place in places)


def test_at_2_mm_the_grid_is_that_of_the_real_sets():
    made, real = phantom(mm=2.0), registry.make("datasets", "ad_oasis")
    assert (made.shape, made.spacing) == (real.shape, real.spacing)
    assert made.task.kind == real.task.kind


def test_it_looks_like_a_skull_stripped_brain():
    image = read(phantom(), 0).astype(float)
    assert image.dtype == float
    assert 1.2 < (image > 0).sum() * 0.064 / 1000 < 2.2  # litres
    assert image[0].max() == image[:, :, -1].max() == 0
    white, grey, fluid = (
        image[at(*place, 4.0)].mean() for place in ((26, -20, 32), (-12, 12, 8), (-8, -2, 20))
    )  # centrum semiovale, head of the caudate, body of the ventricle
    assert white > grey > fluid > 10


def test_a_subject_depends_on_its_number_and_the_seed_alone():
    few, many = phantom(subjects=4), phantom(subjects=9)
    np.testing.assert_array_equal(read(few, 3), read(many, 3))
    assert (read(few, 3) != read(phantom(subjects=4, seed=1), 3)).any()
    assert [sample.covariates for sample in few.samples(None)] == [s.covariates for s in many.samples(None)[:4]]


def test_the_truth_is_around_the_ventricles_and_in_the_medial_temporal_lobe():
    truth = phantom().truth()
    assert truth.shape == grid_shape(4.0)
    assert (truth.min(), truth.max()) == (pytest.approx(0, abs=1e-3), 1)
    for side in (-28, 28):
        assert truth[at(side, -20, -12, 4.0)].max() > 0.5
    assert truth[at(-14, -10, 22, 4.0)].max() > 0.5
    for place in ((30, -20, 50), (0, -60, -30), (-40, 40, 0), (0, 0, -30)):
        assert truth[at(*place, 4.0)].max() < 0.02
    assert 0.005 < (truth > 0.5).mean() < 0.02
    np.testing.assert_allclose(truth, truth[::-1], atol=0.25)  # both sides alike, but for the average brain's own


def test_the_illness_darkens_the_scan_where_the_truth_says_and_nowhere_else():
    ill, same = (read(phantom(subjects=2, effect=effect, **CLEAN), 1).astype(float) for effect in (2.0, 0.0))
    truth = phantom().truth()
    assert (ill - same)[truth > 0.5].mean() < -15
    assert np.abs(ill - same)[truth < 0.001].max() <= 12  # the tail of a larger effect
    assert np.corrcoef((same - ill).ravel(), truth.ravel())[0, 1] > 0.7


def test_without_effect_patients_are_the_healthy():
    assert phantom(effect=0.0).truth().max() == 0
    for number in (0, 2):
        np.testing.assert_array_equal(
            read(phantom(subjects=3, effect=0.0), number), read(phantom(subjects=3, effect=3.0), number)
        )  # and the healthy know nothing of the effect


def test_the_classes_overlap_and_differ_in_nothing_but_the_atrophy():
    samples = phantom(subjects=400).samples(None)
    label = np.array([sample.target for sample in samples])
    columns = {key: np.array([s.covariates[key] for s in samples]) for key in ("age", "ventricles_mm", "hippocampi_mm")}
    assert abs(columns["age"][label == 1].mean() - columns["age"][label == 0].mean()) < 2.0
    for key in ("ventricles_mm", "hippocampi_mm"):
        ill, well = (columns[key][label == value] for value in (1, 0))
        auc = (ill[:, None] > well[None]).mean()
        assert 0.85 < auc < 0.97


@pytest.mark.parametrize(("effect", "low", "high"), [(1.0, 0.75, 0.99), (0.0, 0.3, 0.7)])
def test_a_linear_model_finds_the_effect_and_nothing_else(effect, low, high):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict

    made = prepare("phantom_ad", {"effect": effect, "subjects": 100, "mm": 8.0})
    x = made.images().reshape(100, -1).astype(np.float32)
    x = x[:, x.std(0) > 1]
    x = (x - x.mean(0)) / x.std(0)
    chances = cross_val_predict(LogisticRegression(C=1e-3, max_iter=500), x, made.targets, method="predict_proba")
    assert low < roc_auc_score(made.targets, chances[:, 1]) < high


def test_sixty_subjects_at_4_mm_take_seconds():
    start = time.process_time()
    made = prepare("phantom_ad", workers=1)
    assert time.process_time() - start < 20
    assert made.images().shape == (60, 1, 46, 55, 46)
    assert made.images().dtype == np.uint8
    np.testing.assert_allclose(made.truth(), phantom().truth(), atol=1e-6)
    assert (made.phantom, made.manifest["found"]["patient"]) == (True, 30)


def test_a_smooth_field_has_mean_0_and_deviation_1():
    fields = np.array([smooth_field(6.0, 20.0, np.random.default_rng(seed)) for seed in range(20)])
    assert fields.shape == (20, *grid_shape(6.0))
    assert abs(fields.mean()) < 0.05
    assert fields.std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("wrong", [{"subjects": 1}, {"mm": 0.5}, {"effect": -1.0}, {"noise": 2.0}, {"bending": 9.0}])
def test_impossible_parameters_are_refused(wrong):
    with pytest.raises(BenchError, match=next(iter(wrong))):
        phantom(**wrong)
