"""What simple readers learn from the phantoms: nearly all where the effect is strong, nothing where it is 0."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from bench import registry
from bench.core import seed_of
from bench.datasets import _anatomy
from bench.evaluation.metrics import chance, metric

SMALL = {
    "phantom_ad": {"mm": 8.0},
    "phantom_ad2d": {"size": 64, "mm": 3.0, "slices": 1},
    "phantom_age": {"mm": 8.0},
    "phantom_bt_ct": {"size": 64, "mm": 3.6},
    "phantom_bt_mri": {"size": 64, "mm": 3.6},
    "phantom_order": {},
}


def data(name: str, **params):
    """The data set, its images (N, ...) without channels, targets and what the oracle predicts."""
    made = registry.make("datasets", name, params)
    samples = made.samples(None)
    images = np.stack([sample.read().image[0] for sample in samples]).astype(np.float32)
    known = np.array([sample.covariates["oracle"] for sample in samples], dtype=float)
    return made, images, np.array([sample.target for sample in samples]), made.reader(known)


def pooled(images: np.ndarray, edge: int = 4) -> np.ndarray:
    """Means of squares of `edge` pixels: (N, features)."""
    n, rows, columns = images.shape
    return images.reshape(n, rows // edge, edge, columns // edge, edge).mean((2, 4)).reshape(n, -1)


def projected(images: np.ndarray, view: str) -> np.ndarray:
    import torch

    from bench.views import View

    return pooled(View.parse(view)(torch.from_numpy(images[:, None]), (4.0,) * 3).numpy()[:, 0])


def scaled(images: np.ndarray) -> np.ndarray:
    """Each scan in units of its own mean."""
    flat = images.reshape(len(images), -1)
    return flat / flat.mean(1, keepdims=True)


def shells(images: np.ndarray) -> np.ndarray:
    """Quantiles and histograms of the brightness at several depths under the skin: blind to the place in the head."""
    rows = []
    for image in images:
        picture = ndimage.gaussian_filter(image / np.median(image[image > 20]), 1.2 * image.shape[0] / 128)
        depth = ndimage.distance_transform_edt(ndimage.binary_fill_holes(picture > 0.35)) * 128 / image.shape[0]
        row = []
        for low, high in ((7, 11), (11, 16), (16, 24), (24, 99)):
            values = picture[(depth > low) & (depth <= high)]
            row += list(np.quantile(values, [0.002, 0.01, 0.05, 0.95, 0.99, 0.998]))
            row += list(np.histogram(values, [0, 0.3, 0.5, 0.7, 1.2, 1.4, 1.7, 3])[0] / len(values))
        rows.append(row)
    return np.array(rows)


def layers(images: np.ndarray, mm: float = 4.0) -> np.ndarray:
    """Mean brightness, against white matter, at several distances from ventricles, sulci and hippocampi."""
    atlas, points = _anatomy.atlas(mm), _anatomy.Frame.whole(mm).points()
    maps = (atlas.ventricles, atlas.sulci, atlas.white, atlas.brain)
    ventricles, sulci, white, brain = _anatomy.sample(maps, points)
    hippocampi = _anatomy.hippocampi(points)
    width = max(1.5, mm / 3)
    zones = [np.abs(ventricles - at) < width for at in (-4, -1, 2, 5, 8, 11, 14)]
    zones += [(ventricles > 12) & (np.abs(sulci - at) < 0.3) for at in (-1, -0.4, 0.2, 0.8, 1.4, 2.0, 2.4)]
    zones += [np.abs(hippocampi - at) < width for at in (-6, -3, 0, 3)]
    zones += [(white > 0.8) & (np.abs(ventricles - at) < 4) for at in (8, 16, 24)]
    usual = np.median(images[:, (white > 0.8) & (ventricles > 12)], axis=1)[:, None]
    return (
        np.stack([images[:, zone & (brain > 0.9)].mean(1) for zone in zones if (zone & (brain > 0.9)).any()], 1) / usual
    )


FEATURES = {
    "phantom_ad": scaled,
    "phantom_ad2d": lambda images: scaled(pooled(images, images.shape[1] // 32)),
    "phantom_age": scaled,
    "phantom_bt_ct": shells,
    "phantom_bt_mri": shells,
    "phantom_order": lambda images: projected(images, "dynamic"),
}


def learner(name: str):
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    last = {
        "phantom_ad": (PCA(20, random_state=0), LinearDiscriminantAnalysis()),
        "phantom_ad2d": (PCA(20, random_state=0), LinearDiscriminantAnalysis()),
        "phantom_age": (PolynomialFeatures(2), Ridge(3.0)),
        "linear": (Ridge(1e3),),
        "phantom_order": (LogisticRegression(C=1e-2, max_iter=500),),
    }
    shell = (LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),)
    return make_pipeline(StandardScaler(), *last.get(name, shell))


def predicted(model, made, features: np.ndarray) -> np.ndarray:
    return model.predict(features) if made.task.kind == "regression" else model.predict_proba(features)


STRONG = {
    "phantom_ad": {"effect": 3.0, "mm": 6.0, "subjects": 120},
    "phantom_ad2d": {"effect": 3.0, "slices": 1, "subjects": 200},
    "phantom_age": {"effect": 3.0, "subjects": 800},
    "phantom_bt_ct": {"effect": 2.0, "subjects": 200},
    "phantom_bt_mri": {"effect": 2.0, "subjects": 300},
    "phantom_order": {"effect": 2.0, "subjects": 200},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STRONG)
def test_a_simple_reader_goes_nearly_as_far_as_the_oracle(name):
    features = layers if name == "phantom_age" else FEATURES[name]
    made, images, targets, _ = data(name, **STRONG[name])
    model = learner(name).fit(features(images), targets)
    fresh, images, targets, oracle = data(name, **STRONG[name] | {"seed": 1, "subjects": 150})
    judge = metric(made.task.primary)
    score, best = judge(targets, predicted(model, fresh, features(images))), judge(targets, oracle)
    if made.task.kind == "regression":
        floor = np.abs(targets - np.median(targets)).mean()
    else:
        floor = chance(made.task, made.task.primary)
    share = (score - floor) / (best - floor)
    print(f"{name}: chance {floor:.3f}, reader {score:.3f}, oracle {best:.3f}, share {share:.2f}")
    assert share > 0.9


def voxelwise(image: np.ndarray) -> np.ndarray:
    """What a voxel and its surroundings look like at several scales: (D, H, W) to (voxels, features)."""
    image = image.astype(np.float32) / np.median(image)
    rows = [image, image / ndimage.gaussian_filter(image, 8), ndimage.maximum_filter(image, 3)]
    for width in (0.7, 1.2, 2.0):
        rows += [ndimage.gaussian_filter(image, width), ndimage.gaussian_laplace(image, width)]
        rows.append(ndimage.gaussian_gradient_magnitude(image, width))
    rows.append(np.broadcast_to(np.arange(image.shape[2], dtype=np.float32), image.shape))  # flow fades upwards
    return np.stack(rows, -1).reshape(image.size, -1)


@pytest.mark.slow
def test_a_reader_of_voxels_goes_nearly_as_far_as_the_oracle_of_arteries():
    from sklearn.ensemble import HistGradientBoostingClassifier

    scans = [
        [sample.read() for sample in registry.make("datasets", "phantom_artery", params).samples(None)]
        for params in ({"subjects": 8, "effect": 2.0}, {"subjects": 6, "effect": 2.0, "seed": 1})
    ]
    features, labels = [], []
    for scan in scans[0]:
        close = ndimage.binary_dilation(scan.mask > 0, iterations=2).ravel()
        close |= np.random.default_rng(0).random(close.size) < 0.1  # of the background a tenth, but all that is near
        features.append(voxelwise(scan.image[0])[close])
        labels.append(scan.mask.ravel()[close])
    model = HistGradientBoostingClassifier(max_iter=300, random_state=0)
    model.fit(np.concatenate(features), np.concatenate(labels))
    result = np.stack([model.predict(voxelwise(scan.image[0])).reshape(scan.mask.shape) for scan in scans[1]])
    masks = np.stack([scan.mask for scan in scans[1]])
    usual = np.mean([scan.mask for scan in scans[0]], axis=0)
    floor = max(metric("dice")(masks, np.stack([(usual > share).astype(np.uint8)] * 6)) for share in (0.1, 0.2, 0.3))
    share = (metric("dice")(masks, result) - floor) / (1 - floor)
    print(f"phantom_artery: constant mask {floor:.3f}, share of the way to the oracle {share:.2f}")
    assert share > 0.9


def null_score(name: str, seed: int, features, learnt: str) -> tuple[float, float, float]:
    """The score of a reader on new people where nothing is to be learnt, and its bootstrap interval of 95 %."""
    params = SMALL[name] | ({"effect": 0.0} if features is FEATURES[name] else {"effect": 2.0})
    made, images, targets, _ = data(name, **params, subjects=60, seed=2 * seed)
    model = learner(learnt).fit(features(images), targets)
    _, images, targets, _ = data(name, **params, subjects=60, seed=2 * seed + 1)
    judge = metric("correlation" if made.task.kind == "regression" else made.task.primary)
    result = predicted(model, made, features(images))
    rng = np.random.default_rng(seed_of("bootstrap", seed))
    scores = judge.batch(targets, result, rng.multinomial(60, np.ones(60) / 60, size=500).astype(float))
    return judge(targets, result), *np.nanquantile(scores, [0.025, 0.975])


def at_chance(name: str, features, learnt: str) -> None:
    made = registry.make("datasets", name, SMALL[name])
    level = 0.0 if made.task.kind == "regression" else chance(made.task, made.task.primary)
    found = np.array([null_score(name, seed, features, learnt) for seed in range(20)])
    mean, error = found[:, 0].mean(), found[:, 0].std(ddof=1) / 20**0.5
    covered = int(((found[:, 1] <= level) & (level <= found[:, 2])).sum())
    print(f"{name}: null {mean:.3f} +- {error:.3f} at a chance of {level:.3f}, {covered} of 20 intervals hold it")
    assert abs(mean - level) < 2 * error
    assert covered >= 17


@pytest.mark.slow
@pytest.mark.parametrize("name", FEATURES)
def test_without_effect_a_reader_is_at_chance(name):
    at_chance(name, FEATURES[name], "linear" if name == "phantom_age" else name)


@pytest.mark.slow
@pytest.mark.parametrize("view", ["mean", "max", "entropy"])
def test_the_order_of_slices_is_not_in_their_projections(view):
    at_chance("phantom_order", lambda images: projected(images, view), "phantom_order")


def test_the_order_of_slices_is_in_their_dynamic_image():
    _, images, targets, _ = data("phantom_order", subjects=120, effect=2.0)
    model = learner("phantom_order").fit(projected(images[:60], "dynamic"), targets[:60])
    assert metric("auc")(targets[60:], model.predict_proba(projected(images[60:], "dynamic"))) > 0.95


@pytest.mark.slow
def test_without_effect_an_angiogram_is_no_nearer_to_its_mask_than_to_anothers():
    from sklearn.metrics import roc_auc_score

    more = []
    for seed in range(20):
        made = registry.make("datasets", "phantom_artery", {"subjects": 4, "effect": 0.0, "seed": seed})
        read = [sample.read() for sample in made.samples(None)]
        aucs = np.array([[roc_auc_score(b.mask.ravel(), a.image.ravel()) for b in read] for a in read])
        more.append(np.diag(aucs).mean() - aucs[~np.eye(4, dtype=bool)].mean())
    assert abs(np.mean(more)) < 2 * np.std(more, ddof=1) / 20**0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SMALL, "phantom_artery"])
def test_two_hundred_subjects_take_less_than_a_minute_on_two_cores(name):
    import time

    made = registry.make("datasets", name, {"subjects": 200})
    samples = made.samples(None)
    samples[0].read()
    start = time.process_time()
    for sample in samples[1:41]:
        sample.read()
    seconds = (time.process_time() - start) / 40 * len(samples)
    print(f"{name}: {seconds:.0f} s of one core")
    assert seconds < 120
