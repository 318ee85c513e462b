"""Scores of generated images, and the scores of contrasts that are made of them."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.evaluation import modality_importance
from bench.evaluation.metrics import metric
from bench.evaluation.modality_importance import PairScores


def targets(truth, inside=None, label=None):
    full = np.zeros((len(truth), 4, *truth.shape[1:]), np.float32)
    full[:, 0], full[:, 1] = truth, 1 if inside is None else inside
    full[:, 2] = 0 if label is None else label
    return full


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 1, (2, 13, 12, 14))
    truth[:, 0, 0, 0], truth[:, -3:, :, :] = 0, 1  # more than a twentieth is 1: the range is that from 0 to 1
    return truth.astype(np.float32), (truth + rng.normal(0, 0.1, truth.shape)).astype(np.float32)


def test_scores_are_those_of_scikit_image_over_a_range_of_one(images):
    truth, made = images
    y, p = targets(truth), made[:, None]
    psnr = [peak_signal_noise_ratio(one, other, data_range=1) for one, other in zip(truth, made, strict=True)]
    assert metric("psnr").values(y, p) == pytest.approx(psnr, abs=1e-4)
    ssim = [
        structural_similarity(
            one.astype(float), other.astype(float), data_range=1, gaussian_weights=True, sigma=1.5, full=True,
            use_sample_covariance=False,
        )[1].mean()
        for one, other in zip(truth, made, strict=True)
    ]  # fmt: skip
    assert metric("ssim").values(y, p) == pytest.approx(ssim, abs=1e-5)
    assert metric("image_mae")(y, p) == pytest.approx(np.abs(truth - made).mean(), abs=1e-6)


@pytest.mark.parametrize("name", ["psnr", "ssim", "image_mae", "label_mae"])
def test_scores_do_not_depend_on_the_unit_of_the_grey_values(images, name):
    truth, made = images
    label = np.zeros(truth.shape)
    label[:, 4:6] = 1
    before = metric(name).values(targets(truth, label=label), made[:, None])
    after = metric(name).values(targets(300 * truth - 70, label=label), 300 * made[:, None] - 70)
    assert after == pytest.approx(before, rel=1e-4)


def test_what_lies_outside_the_head_does_not_raise_a_score(images):
    """Published scores count the air around a head, which every method generates without an error."""
    truth, made = images
    inside = np.ones(truth.shape, bool)
    inside[:, :, :6] = False
    perfect = np.where(inside, made, truth)
    for name in ("psnr", "ssim", "image_mae"):
        in_head = metric(name)(targets(truth, inside), perfect[:, None])
        everywhere = metric(name)(targets(truth), perfect[:, None])
        assert (in_head < everywhere) == (metric(name).better == "higher")


def test_a_bright_lesion_does_not_widen_the_range_of_an_image(images):
    truth, made = images
    bright, generated = truth.copy(), made.copy()
    bright[:, 5, 5, 5], generated[:, 5, 5, 5] = 40, 40
    y, p = targets(bright), generated[:, None]
    assert metric("psnr")(y, p) == pytest.approx(metric("psnr")(targets(truth), made[:, None]), abs=0.1)


def test_the_error_in_the_label_is_unknown_without_one_and_a_perfect_image_has_a_finite_score(images):
    truth, _ = images
    y = targets(truth)
    assert np.isnan(metric("label_mae")(y, truth[:, None]))
    assert metric("psnr")(y, truth[:, None]) == 100
    assert metric("ssim")(y, truth[:, None]) == pytest.approx(1)
    with pytest.raises(ValueError, match=r"\(N, 4, ...\)"):
        metric("psnr")(y[:, :3], truth[:, None])


def scores(psnr, ssim, people=3):
    """Samples of so many people with equal scores, from matrices source by target."""
    count = len(psnr)
    pairs = [(one, other) for one in range(count) for other in range(count) if one != other]
    source, target = (np.tile([pair[at] for pair in pairs], people) for at in (0, 1))
    values = [np.array(each)[source, target].astype(float) for each in (psnr, ssim)]
    return PairScores(source, target, *values, np.repeat([f"p{number}" for number in range(people)], len(pairs)))


def test_the_scores_of_three_contrasts_are_those_of_the_formula():
    psnr = np.array([[0, 20, 30], [22, 0, 28], [24, 20, 0]])
    ssim = np.array([[0, 0.7, 0.9], [0.8, 0, 0.9], [0.8, 0.6, 0]])
    others = ~np.eye(3, dtype=bool)
    easy = sum((each - each[others].mean()) / each[others].std() for each in (psnr, ssim))
    hard, whole = modality_importance.scores_of(scores(psnr, ssim), 3)
    assert hard == pytest.approx([-np.mean([easy[row, at] for row in range(3) if row != at]) for at in range(3)])
    assert whole == pytest.approx([np.mean([easy[at, row] for row in range(3) if row != at]) for at in range(3)])
    assert int(hard.argmax()) == 1  # the second contrast is generated worst
    assert hard.sum() == pytest.approx(0, abs=1e-9)


def test_the_diagonal_counts_nowhere_and_equal_scores_rank_nothing():
    """A network that returns the source for itself is perfect there: that says nothing of the other contrasts."""
    psnr, ssim = np.full((4, 4), 25.0), np.full((4, 4), 0.9)
    np.fill_diagonal(psnr, 100)
    assert modality_importance.differentiation(modality_importance.ease(psnr, ssim)) == pytest.approx(np.zeros(4))


def test_the_interval_is_over_people_and_narrow_where_they_agree():
    psnr = np.array([[0, 20, 30], [22, 0, 28], [24, 20, 0]])
    alike = scores(psnr, psnr / 40, 6)
    found = modality_importance.interval(alike, 3, draws=50)
    assert found[:, 0] == pytest.approx(found[:, 1])
    rng = np.random.default_rng(0)
    spread = PairScores(alike.source, alike.target, alike.psnr + rng.normal(0, 4, len(alike.psnr)), alike.ssim,
                        alike.people)  # fmt: skip
    low, high = modality_importance.interval(spread, 3, draws=200).T
    hard = modality_importance.scores_of(spread, 3)[0]
    assert ((low < hard) & (hard < high)).all()
    assert np.isnan(modality_importance.interval(scores(psnr, psnr, 1), 3)).all()
