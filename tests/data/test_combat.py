"""ComBat: against the published equations one number at a time, and what it does to scans that it was not fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.combat import Combat


def scans(rng: np.random.Generator, count: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, sites and a covariate: site b is shifted, site c is wider."""
    sites, age = np.array(["a", "b", "c"])[rng.integers(0, 3, count)], rng.standard_normal((count, 1))
    x = rng.standard_normal((count, 8)) * np.where(sites == "c", 3.0, 1.0)[:, None] + 2.0 * (sites == "b")[:, None]
    return x + age * np.arange(8), sites, age


def by_the_equations(x: np.ndarray, sites: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Johnson, Li & Rabinovic (2007), equations 3.1 to 3.3, for each feature and site by itself."""
    names, total = sorted(set(sites)), len(x)
    design = np.column_stack([*(sites == name for name in names), age]).astype(float)
    weights = np.linalg.solve(design.T @ design, design.T @ x)
    share = np.array([(sites == name).sum() / total for name in names])
    level = share @ weights[:-1]
    sigma = np.sqrt(((x - design @ weights) ** 2).sum(0) / total)
    z = (x - level - age @ weights[-1:]) / sigma
    result = np.empty_like(x)
    for name in names:
        own = z[sites == name]
        n, gammas, deltas = len(own), own.mean(0), own.var(0, ddof=1)
        middle, tau, m, s = gammas.mean(), gammas.var(ddof=1), deltas.mean(), deltas.var(ddof=1)
        shape, rate = (2 * s + m**2) / s, (m * s + m**3) / s
        for feature in range(x.shape[1]):
            gamma, delta = gammas[feature], deltas[feature]
            for _ in range(200):
                gamma = (n * tau * gammas[feature] + delta * middle) / (n * tau + delta)
                delta = (rate + ((own[:, feature] - gamma) ** 2).sum() / 2) / (n / 2 + shape - 1)
            moved = (own[:, feature] - gamma) / np.sqrt(delta) * sigma[feature]
            result[sites == name, feature] = moved + level[feature] + age[sites == name, 0] * weights[-1, feature]
    return result


def test_it_is_the_published_estimate():
    x, sites, age = scans(np.random.default_rng(1))
    found = Combat.fit(x, sites, age).apply(x, sites, age)
    np.testing.assert_allclose(found, by_the_equations(x, sites, age), atol=2e-3)


# neuroHarmonize 2.5.2 with neuroCombat 0.2.12 on `worked_case`, its first four scans, fitted and then new ones; made by
# harmonizationLearn(x, covars) and harmonizationApply(new, covars, model), covars a table of SITE and age.
LEARNT = [
    [12.3274, 8.7833, 7.5398, 8.2690, 4.1400, 4.2261],
    [10.6744, 9.9353, 12.8822, 11.2482, 11.7219, 14.6605],
    [9.1012, 10.6606, 9.5966, 6.6983, 8.9291, 5.9816],
    [10.8346, 12.6061, 11.3083, 14.3817, 14.7935, 14.1069],
]
APPLIED = [
    [11.9932, 10.6003, 9.3804, 12.2485, 9.5629, 10.0136],
    [8.6754, 12.7923, 12.1684, 13.6247, 16.8095, 15.7121],
    [10.4035, 9.5420, 10.7675, 7.8890, 8.4787, 8.4354],
    [12.2280, 9.6289, 12.2742, 13.0421, 11.1353, 14.5072],
]


def worked_case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """12 scans of 6 features at three sites, with an age; no random numbers."""
    rows, features = np.arange(12), np.arange(6)
    sites, age = np.array(["a", "b", "c"])[rows % 3], ((rows * 7) % 12 - 5.5)[:, None] / 4
    waves = np.sin(1 + rows[:, None] * 1.7 + features * 2.3) * np.where(sites == "c", 3.0, 1.0)[:, None]
    x = waves + 2.0 * (sites == "b")[:, None] * (1 + features / 10) + age * features + 10
    return np.round(x, 6), sites, age


def test_its_numbers_are_those_of_neuroharmonize_for_fitted_and_for_new_scans():
    x, sites, age = worked_case()
    made = Combat.fit(x, sites, age)
    np.testing.assert_allclose(made.apply(x, sites, age)[:4], LEARNT, atol=1e-4)
    new = made.apply(x[::-1] * 0.9 + 1, sites[::-1], age[::-1] * 0.5)
    np.testing.assert_allclose(new[:4], APPLIED, atol=1e-4)


def test_new_scans_lose_the_difference_between_sites_and_keep_what_the_covariate_explains():
    rng = np.random.default_rng(2)
    made, (x, sites, age) = Combat.fit(*scans(rng, 600)), scans(rng, 600)
    found = made.apply(x, sites, age)
    left, before = (each - age * np.arange(8) for each in (found, x))
    assert np.ptp([left[sites == name].mean(0) for name in "abc"], axis=0).max() < 0.9
    assert np.ptp([before[sites == name].mean(0) for name in "abc"], axis=0).min() > 1.3
    assert np.ptp([left[sites == name].std() for name in "abc"]) < 0.3
    slopes = np.polyfit(age[:, 0], found, 1)[0]
    np.testing.assert_allclose(slopes, np.arange(8), atol=0.3)


def test_a_scan_alone_becomes_what_it_becomes_among_others():
    rng = np.random.default_rng(3)
    made, (x, sites, age) = Combat.fit(*scans(rng)), scans(rng, 5)
    together = made.apply(x, sites, age)
    alone = np.concatenate([made.apply(x[row : row + 1], sites[row : row + 1], age[row : row + 1]) for row in range(5)])
    np.testing.assert_array_equal(together, alone)


def test_features_that_do_not_vary_stay_as_they_are():
    x, sites, age = scans(np.random.default_rng(4))
    x[:, 2] = 7.0
    found = Combat.fit(x, sites, age).apply(x, sites, age)
    np.testing.assert_array_equal(found[:, 2], 7.0)
    assert np.isfinite(found).all()


def test_what_cannot_be_estimated_is_refused():
    x, sites, age = scans(np.random.default_rng(5))
    with pytest.raises(ValueError, match="of one site"):
        Combat.fit(x, ["a"] * 60, age)
    with pytest.raises(ValueError, match="one training scan is of the site z"):
        Combat.fit(x, [*sites[:-1], "z"], age)
    with pytest.raises(ValueError, match=r"of the site \(unknown\), z"):
        Combat.fit(x, sites, age).apply(x[:2], ["", "z"], age[:2])
