"""What features say of covariates: known features, chance where there is nothing, and the shortcut of a phantom."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from command_line import printed

from bench.analysis.probe.covariate_probe import PERMUTATIONS, probe_covariate
from bench.analysis.probe.feature_agreement import feature_agreement


def people(count: int) -> list[str]:
    return [f"p{number}" for number in range(count)]


def test_a_covariate_that_is_in_the_features_is_found():
    rng = np.random.default_rng(1)
    features = rng.standard_normal((60, 20))
    known = {
        "site": ["a" if each > 0 else "b" for each in features[:, 0]],
        "scanner": [str(int(each)) for each in np.digitize(features[:, 1], (-0.4, 0.4))],
        "age": list(50 + 8 * features[:, 2]),
    }
    for name, measure, least in (
        ("site", "auc", 0.75),
        ("scanner", "balanced_accuracy", 0.55),
        ("age", "correlation", 0.6),
    ):
        found = probe_covariate(features, known[name], people(60), np.random.default_rng(0))
        assert found.measure == measure
        assert found.people == 60
        assert found.score > least > np.quantile(found.permuted, 0.95)


@pytest.mark.parametrize("studies", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_a_covariate_that_is_not_in_the_features_is_found_no_more_often_than_by_chance(studies):
    rng = np.random.default_rng(1)
    found = []
    for _ in range(studies):
        site = [str(value) for value in rng.permutation(np.arange(60) % 2)]
        probe = probe_covariate(rng.standard_normal((60, 20)), site, people(60), rng)
        found.append((probe.permuted >= probe.score).sum() + 1 <= 0.1 * (PERMUTATIONS + 1))
    assert np.mean(found) < 0.1 + 2.6 * (0.1 * 0.9 / studies) ** 0.5


def test_scans_of_one_person_are_never_learnt_from_and_asked_about():
    """Features name the person and nothing else: with scans of a person on both sides the site would be known."""
    rng = np.random.default_rng(2)
    own = rng.standard_normal((30, 40))
    who = [name for name in people(30) for _ in range(4)]
    site = [str(value) for value in rng.integers(0, 2, 30) for _ in range(4)]
    found = probe_covariate(np.repeat(own, 4, axis=0) + 0.01 * rng.standard_normal((120, 40)), site, who, rng)
    assert found.score < np.quantile(found.permuted, 0.99)
    assert found.people == 30


def test_two_numbers_are_categories():
    features = np.random.default_rng(5).standard_normal((40, 8))
    sex = [int(each > 0) for each in features[:, 0]]
    found = [
        probe_covariate(features, values, people(40), np.random.default_rng(0)) for values in (sex, [*map(str, sex)])
    ]
    assert [each.measure for each in found] == ["auc", "auc"]
    assert found[0].score == found[1].score > 0.75


def test_too_few_people_or_values_are_not_probed():
    features = np.random.default_rng(3).standard_normal((20, 4))
    rng = np.random.default_rng(0)
    assert probe_covariate(features[:8], ["a", "b"] * 4, people(8), rng) is None
    assert probe_covariate(features, ["a"] * 18 + ["b"] * 2, people(20), rng) is None
    assert probe_covariate(features, [None] * 20, people(20), rng) is None
    assert probe_covariate(features, [1.0] * 20, people(20), rng) is None


def test_agreement_of_features_over_sites_is_the_intraclass_correlation():
    from itertools import product

    rng = np.random.default_rng(4)
    own = rng.standard_normal((50, 6))
    rows = [(person, site) for person, site in product(range(50), ("x", "y"))]
    features = np.stack([own[person] + 0.5 * rng.standard_normal(6) for person, _ in rows])
    found = feature_agreement(features, [f"p{person}" for person, _ in rows], [site for _, site in rows])
    assert found.people == 50
    assert found.icc == pytest.approx(1 / 1.25, abs=0.12)
    assert found.same_person > 0.35
    noise = feature_agreement(rng.standard_normal((100, 6)), [f"p{p}" for p, _ in rows], [s for _, s in rows])
    assert abs(noise.icc) < 0.2
    assert noise.same_person < 0.12
    assert feature_agreement(features[:50], people(50), ["x", "y"] * 25) is None


@pytest.fixture(scope="module")
def shortcut(tmp_path_factory):
    """The study on the phantom of a shortcut, some people of which travel; its results folder."""
    from bench.cli import app

    with pytest.MonkeyPatch.context() as patched:
        root = tmp_path_factory.mktemp("shortcut")
        patched.setenv("BENCH_RESULTS", str(root / "results"))
        patched.setenv("BENCH_DATA", str(root / "data"))
        patched.setattr("bench.report.figures.style.FORMATS", ("svg",))
        patched.chdir(root)
        words = ["--datasets", "confounded", "--set", "confounded.travellers=0.15", "--launcher", "serial"]
        app(["run", "--study", "shortcut", "--keep-weights", *words], standalone_mode=False)
    return root / "results"


@pytest.mark.slow
def test_the_plain_score_flatters_the_one_within_sites_is_at_chance_and_the_probe_names_the_site(
    shortcut, capsys, monkeypatch
):
    monkeypatch.setenv("BENCH_RESULTS", str(shortcut))
    monkeypatch.setenv("BENCH_DATA", str(shortcut.parent / "data"))
    (study,) = {path.parent.name for path in shortcut.glob("*/plan.json")}
    frame = pd.read_csv(next((shortcut / study).rglob("confounds*.csv")))
    for arm in ("linear", "ResNet (3D)"):
        row = frame[(frame["arm"] == arm) & (frame["control"] == "within site")].iloc[0]
        assert row["low"] > 0.6
        assert row["controlled_low"] < 0.5 < row["controlled_high"]
        assert row["p"] < 0.01
        assert row["p_partial"] < 0.01
        assert row["p_full"] > 0.01
    status, out, err = printed(capsys, monkeypatch, "probe", "--study", study, "--json")
    assert status == 0, err
    found = json.loads(out)
    site = [each for each in found["probes"] if each["covariate"] == "site" and each["network"] == "trained"]
    assert site
    assert all(each["score"] > 0.9 > each["chance_high"] and each["p"] < 0.01 for each in site)
    assert set(found["skipped"]) == {"constant", "covariates", "linear"}
    assert {each["arm"] for each in found["agreement"]} == {"ResNet (3D)"}
    folder = shortcut / study / "probe"
    assert {"probes.csv", "agreement.csv"} <= {path.name for path in folder.iterdir()}
