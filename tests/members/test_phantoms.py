"""The phantoms: anatomical, seeded, with an unbeatable oracle, and nothing to learn without an effect."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage, stats

from bench import registry
from bench.core import BenchError
from bench.data.prepare import prepare
from bench.datasets import phantom_ad2d, phantom_age
from bench.datasets._anatomy import Frame, smooth_field
from bench.datasets._lesions import SELLA
from bench.datasets._oracle import flipped, oracle_score
from bench.datasets.phantom_order import FIRMNESS, mallows
from bench.evaluation.metrics import chance, metric

SMALL = {
    "phantom_ad": {"mm": 8.0},
    "phantom_ad2d": {"size": 64, "mm": 3.0, "slices": 2},
    "phantom_age": {"mm": 8.0},
    "phantom_artery": {"size": 32, "mm": 3.0},
    "phantom_bt_ct": {"size": 64, "mm": 3.6},
    "phantom_bt_mri": {"size": 64, "mm": 3.6},
    "phantom_modalities": {"mm": 10.0},
    "phantom_order": {},
    "phantom_pairs": {"mm": 12.0},
    "phantom_shortcut": {"mm": 8.0},
}
CLASSES = [name for name in SMALL if registry.member("datasets", name).task.kind == "classification"]


def phantom(name: str, **params):
    return registry.make("datasets", name, SMALL[name] | params)


def scans(made) -> list:
    return [sample.read() for sample in made.samples(None)]


def listed(name: str, **params) -> SimpleNamespace:
    """What `oracle_score` reads of a prepared set, without its images."""
    made = phantom(name, **params)
    samples = made.samples(None)
    targets, known = np.array([s.target for s in samples]), [s.covariates["oracle"] for s in samples]
    full = SMALL[name] | {"effect": made.effect} | params
    return SimpleNamespace(name=name, params=full, task=made.task, targets=targets, covariates={"oracle": known})


def test_every_phantom_is_here_and_says_that_it_is_one():
    assert set(SMALL) == {n for n in registry.names("datasets") if registry.member("datasets", n).phantom}
    for name in SMALL:
        made = phantom(name)
        assert made.title.startswith("Phantom of ")
        assert made.title.endswith("(not real scans)")


@pytest.mark.parametrize("name", SMALL)
def test_a_scan_depends_on_its_number_and_the_seed_alone(name):
    few, many, other = (
        phantom(name, **more) for more in ({"subjects": 4}, {"subjects": 8}, {"subjects": 4, "seed": 1})
    )
    first, second, third = scans(few), scans(many), scans(other)
    for one, again in zip(first, second, strict=False):
        assert one.image.tobytes() == again.image.tobytes()
        assert (one.mask is None) == (not few.task.per_voxel)
        if one.mask is not None:
            assert one.mask.tobytes() == again.mask.tobytes()
    everything = [scan.image.tobytes() for scan in (*second, *third)]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("name", SMALL)
def test_the_truth_is_where_the_effect_is(name):
    truth = phantom(name).truth()
    if truth is None:
        assert name in {
            "phantom_artery",
            "phantom_bt_ct",
            "phantom_bt_mri",
            "phantom_modalities",
            "phantom_pairs",
        }  # in another place in every scan
        return
    assert truth.shape == phantom(name).shape[1:]
    assert 0 <= truth.min() < 0.01
    assert truth.max() == pytest.approx(1.0, abs=0.05)
    assert phantom(name, effect=0.0).truth().max() == 0


@pytest.mark.parametrize("name", CLASSES)
def test_label_noise_flips_labels_and_moves_no_image(name):
    clean, noisy = (phantom(name, subjects=300, label_noise=share).samples(None) for share in (0.0, 0.3))
    assert [s.covariates for s in clean] == [s.covariates for s in noisy]
    moved = np.mean([one.target != two.target for one, two in zip(clean, noisy, strict=True)])
    assert 0.22 < moved < 0.38
    np.testing.assert_array_equal(clean[5].read().image, noisy[5].read().image)
    labels = [flipped(0, 4, 0.9, seed) for seed in range(400)]
    assert min(np.bincount(labels, minlength=4)) > 20


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("wrong", [{"subjects": 1}, {"effect": -1.0}, {"label_noise": -0.1}, {"noise": 9.0}])
def test_impossible_parameters_are_refused(name, wrong):
    with pytest.raises(BenchError, match=next(iter(wrong))):
        phantom(name, **wrong)


@pytest.mark.parametrize("name", SMALL)
def test_without_effect_the_oracle_has_no_information(name):
    if phantom(name).task.per_voxel:
        return
    made = listed(name, subjects=1200, effect=0.0)
    score = oracle_score(made)
    if name == "phantom_age":
        assert score == pytest.approx(70 / 4, abs=0.7)  # the mean distance of an age from the middle one
    else:
        expected = chance(made.task, made.task.primary)
        assert score == pytest.approx(expected, abs=0.04)


def test_the_oracle_of_classes_is_the_normal_law():
    """Normal values around levels that are `effect` apart: a closed form."""
    for effect in (0.5, 1.0, 2.0):
        apart = effect / phantom_ad2d.combined(phantom_ad2d.SLOPES, phantom_ad2d.SPREADS)
        ends, middle = stats.norm.cdf(apart / 2), 2 * stats.norm.cdf(apart / 2) - 1
        score = oracle_score(listed("phantom_ad2d", subjects=4000, slices=1, effect=effect))
        assert score == pytest.approx((ends + middle) / 2, abs=0.015)
    wide = ((2.5 / 1.1) ** 2 + (3.5 / 1.4) ** 2) ** 0.5
    assert oracle_score(listed("phantom_ad", subjects=4000)) == pytest.approx(stats.norm.cdf(wide / 2**0.5), abs=0.02)
    assert oracle_score(listed("phantom_ad2d", subjects=2000, effect=5.0)) > 0.99
    for name in ("phantom_bt_mri", "phantom_bt_ct"):
        assert oracle_score(listed(name, subjects=40)) == 1
        assert oracle_score(listed(name, subjects=3000, label_noise=0.2)) == pytest.approx(0.8, abs=0.02)


def test_the_oracle_of_age_is_the_best_linear_read_out():
    from sklearn.linear_model import LinearRegression

    samples = phantom("phantom_age", subjects=3000).samples(None)
    words = ("ventricles_mm", "sulci_mm", "hippocampi_mm", "spots")
    latent, age = np.array([[s.covariates[w] for w in words] for s in samples]), np.array([s.target for s in samples])
    best = np.abs(LinearRegression().fit(latent, age).predict(latent) - age).mean()
    score = oracle_score(listed("phantom_age", subjects=3000))
    assert score == pytest.approx(best, rel=0.02)
    error = phantom_age.combined(phantom_age._slopes(1.0), [region.spread for region in phantom_age.REGIONS])
    assert 0.7 < score / error < (2 / np.pi) ** 0.5  # drawn to the mean: better than the bare error
    noisy = oracle_score(listed("phantom_age", subjects=3000, label_noise=10.0))
    assert noisy > (10**2 + score**2) ** 0.5 * 0.75


def test_orders_are_drawn_from_the_law_of_mallows():
    rng = np.random.default_rng(0)
    made = [mallows(6, 0.0, rng) for _ in range(3000)]
    assert np.mean([swaps for _, swaps in made]) == pytest.approx(6 * 5 / 4, abs=0.2)
    assert np.std([order.index(0) for order, _ in made]) == pytest.approx((35 / 12) ** 0.5, abs=0.05)
    for order, swaps in made[:50]:
        assert swaps == sum(order[i] > order[j] for i in range(6) for j in range(i + 1, 6))
    counts = np.bincount([swaps for _, swaps in (mallows(3, 0.7, rng) for _ in range(6000))], minlength=4) / 6000
    law = np.array([1, 2, 2, 1]) * np.exp(-0.7 * np.arange(4))
    np.testing.assert_allclose(counts, law / law.sum(), atol=0.02)
    assert FIRMNESS > 0


def test_both_orders_have_the_same_slices():
    forward, backward = (phantom("phantom_order", subjects=2, noise=0.0, effect=5.0).samples(None)[n] for n in (0, 1))
    assert forward.covariates["oracle"] > 0.5 > -0.5 > backward.covariates["oracle"]
    for sample, sign in ((forward, 1), (backward, -1)):
        image = sample.read().image[0].astype(float)
        rows = (image - image.min()).sum(2) @ np.arange(32) / (image - image.min()).sum((1, 2))
        assert np.corrcoef(rows, np.arange(24))[0, 1] * sign > 0.8


def test_a_field_of_a_slice_is_the_field_of_the_box():
    rngs = [np.random.default_rng(3) for _ in range(2)]
    whole = smooth_field(6.0, 20.0, rngs[0])
    frame = Frame.whole(6.0)
    cut = Frame((frame.places[0], frame.places[1], frame.places[2][7:8]), frame.extent)
    np.testing.assert_allclose(cut.field(20.0, rngs[1])[..., 0], whole[..., 7], atol=1e-9)


def test_tumours_are_where_their_kind_grows():
    places = {kind: [] for kind in ("glioma", "healthy", "meningioma", "pituitary")}
    for pituitary, kinds in ((False, ("glioma", "healthy", "meningioma")), (True, ("pituitary",))):
        params = {"subjects": 24, "size": 96, "mm": 2.4, "noise": 0.0, "bending": 0.0, "pituitary": pituitary}
        made, same = (phantom("phantom_bt_mri", effect=effect, **params).samples(None) for effect in (2.0, 0.0))
        for ill, well in zip(made, same, strict=True):
            picture, without = (sample.read().image[0].astype(float) for sample in (ill, well))
            bright = picture - without > 60
            if ill.stratum in kinds and bright.any():
                row, column = ndimage.center_of_mass(bright)
                depth = ndimage.distance_transform_edt(ndimage.binary_fill_holes(without > 40), sampling=2.4)
                away = np.hypot(2.4 * (column - 47.5) - SELLA[0], -18 - 2.4 * (row - 47.5) - SELLA[1])
                places[ill.stratum].append((depth[bright].min(), away))
    assert {kind: len(found) for kind, found in places.items()} == {
        "glioma": 8, "healthy": 0, "meningioma": 8, "pituitary": 6,
    }  # fmt: skip
    nearest = {kind: np.mean([depth for depth, _ in found]) for kind, found in places.items() if found}
    assert nearest["glioma"] > nearest["meningioma"] + 5  # millimetres from the skin
    assert max(away for _, away in places["pituitary"]) < 15


def test_the_skull_is_white_in_ct_and_dark_in_mr():
    for name, low, high in (("phantom_bt_ct", 200, 255), ("phantom_bt_mri", 0, 75)):
        image = phantom(name, subjects=4, size=128, mm=1.8, bending=0.0).samples(None)[1 if "mri" in name else 0].read()
        middle = image.image[0][64].astype(float)  # a row through the head
        edge = np.flatnonzero(middle > 60)[0]
        layers = middle[edge : edge + 12]
        assert low <= (layers.max() if "ct" in name else layers[2:9].min()) <= high


def test_murrays_law_holds_at_every_fork():
    grown, _ = phantom("phantom_artery").vessels(0)
    forks = 0
    for parents, radii in grown.trees:
        for node in range(len(parents)):
            after = radii[parents == node]
            if len(after):
                assert (after**3).sum() == pytest.approx(radii[node] ** 3)
                forks += len(after) > 1
    assert forks > 60
    assert grown.radii.max() / 1.5 > 1.5  # voxels of the usual grid
    assert 0.3 < grown.radii.min() < 0.8


def test_masks_are_the_arteries_of_their_images():
    made = registry.make("datasets", "phantom_artery", {"subjects": 2})
    for sample in made.samples(None):
        scan = sample.read()
        image, mask = scan.image[0].astype(float), scan.mask > 0
        assert 0.008 < mask.mean() < 0.04
        assert image[mask].mean() > 1.5 * image[~mask].mean()
        labels, number = ndimage.label(mask, np.ones((3, 3, 3)))
        assert np.sort(np.bincount(labels.ravel())[1:])[::-1][:8].sum() > 0.8 * mask.sum(), number
        best = max(metric("dice")(mask[None].astype(int), (image > cut)[None].astype(int)) for cut in range(60, 160, 5))
        assert 0.5 < best < 0.95
        hidden = registry.make("datasets", "phantom_artery", {"subjects": 2, "effect": 0.0}).samples(None)
        same = hidden[int(sample.id[-4:])].read()
        np.testing.assert_array_equal(same.mask, scan.mask)
        assert (image - same.image[0])[~ndimage.binary_dilation(mask, iterations=2)].max() < 60


def test_the_oracle_of_a_forgetful_mask_is_its_dice_with_the_arteries():
    whole, part = (registry.make("datasets", "phantom_artery", {"subjects": 3, "label_noise": s}) for s in (0.0, 0.5))
    for one, other in zip(whole.samples(None), part.samples(None), strict=True):
        full, remaining = one.read(), other.read()
        np.testing.assert_array_equal(full.image, remaining.image)
        dice = metric("dice")(remaining.mask[None].astype(int), full.mask[None].astype(int))
        assert other.covariates["oracle"] == pytest.approx(dice, abs=0.04)
        assert 0.6 < dice < 0.99


def test_prepared_phantoms_keep_their_oracle():
    for name in ("phantom_bt_mri", "phantom_artery"):
        made = prepare(name, SMALL[name] | {"subjects": 4}, workers=1)
        assert made.phantom
        assert len(made.covariates["oracle"]) == 4
        assert oracle_score(made) == 1
    blind = prepare("phantom_artery", SMALL["phantom_artery"] | {"subjects": 4, "effect": 0.0}, workers=1)
    assert 0.1 < oracle_score(blind) < 0.9
    with pytest.raises(BenchError, match="only phantoms"):
        oracle_score(SimpleNamespace(name="ad_oasis", covariates={}))


def test_the_contact_sheet_says_phantom_over_every_row():
    from bench.report.figures.contact_sheet import COLUMNS, draw_contact_sheet

    drawn = draw_contact_sheet(["phantom_order", "phantom_artery"])
    titles = [drawn.get_suptitle(), *(row.get_suptitle() for row in drawn.subfigs)]
    assert len(titles) == 3
    assert all(title.startswith("PHANTOM") for title in titles)
    assert [len(row.axes) for row in drawn.subfigs] == [COLUMNS] * 2


def test_sites_differ_in_contrast_and_in_nothing_that_age_changes():
    samples = phantom("phantom_age", subjects=1500).samples(None)
    ages = {site: [s.target for s in samples if s.site == site] for site in ("north", "south", "west")}
    assert min(len(found) for found in ages.values()) > 400
    assert np.ptp([np.mean(found) for found in ages.values()]) < 4
    usual, alike = (scans(phantom("phantom_age", subjects=24, sites=sites)) for sites in (1.0, 0.0))
    bright = [[scan.image[scan.image > 0].mean() for scan in made] for made in (usual, alike)]
    at = [sample.site for sample in phantom("phantom_age", subjects=24).samples(None)]
    for values, low, high in zip(bright, (25, 0), (90, 10), strict=True):
        means = [np.mean([value for value, site in zip(values, at, strict=True) if site == name]) for name in ages]
        assert low < np.ptp(means) < high
