"""Scores in subgroups and among people who are alike: from records, with old ones, and words that follow numbers."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from synthetic_results import AGE, ArmSpec, DataSetSpec, write

from bench.data.covariates import FEWEST, public_categories, stored_covariates
from bench.data.prepare import prepare
from bench.report import tables
from bench.report.paper import known_answers
from bench.report.shortcut_caution import scores_that_rest_on_covariates
from bench.report.tables import confounds_table, scan_covariates
from bench.storage.record_store import Store

PEOPLE = 200


def made(root, monkeypatch, arms, task=None, with_class=0.85):
    """A study whose people are at a site that goes with the class or number; its records are of earlier versions."""
    data = [DataSetSpec(people=PEOPLE)] if task is None else [DataSetSpec("years", task, people=PEOPLE)]
    plan = write(root, arms, data)
    section = tables.gather(plan, Store(root)).sections[0]
    found = {}
    for run in section.runs:
        kept = section.predictions(run)
        found |= dict(zip(kept["ids"], kept["y"], strict=True))
    rng = np.random.default_rng(3)
    middle = np.median(list(found.values()))
    known = [(y > middle if task else bool(y)) == (rng.random() < with_class) for y in found.values()]
    table = [[json.dumps("south" if at else "north"), json.dumps(float(rng.normal(70, 7))), '"rare"'] for at in known]
    for row in table[FEWEST - 1 :]:
        row[2] = '"usual"'
    arrays = {"ids": np.array(list(found)), "covariate_names": np.array(["site", "age", "kind"])}
    monkeypatch.setattr(scan_covariates, "_of_prepared", lambda section: {**arrays, "covariates": np.array(table)})
    return tables.section_tables(tables.gather(plan, Store(root)))[0]


def row(frame, arm, **where):
    for name, value in {"arm": arm, **where}.items():
        frame = frame[frame[name] == value]
    return frame.iloc[0]


def test_subgroups_are_categories_and_bands_that_enough_people_share(tmp_path, monkeypatch):
    frame = made(tmp_path, monkeypatch, {"net": ArmSpec(1.0)}).frame("subgroups")
    assert list(dict.fromkeys(frame["covariate"])) == ["site", "age"]  # of `kind` one category is left
    assert frame[frame["covariate"] == "site"]["people"].sum() == PEOPLE
    assert len(frame[frame["covariate"] == "age"]) == 3
    assert (frame["low"] < frame["score"]).all()
    assert (frame["score"] < frame["high"]).all()
    assert (frame["p_differ_holm"] >= frame["p_differ"]).all()


def test_the_score_within_strata_is_that_of_pairs_of_one_fold_and_stratum(tmp_path, monkeypatch):
    found = made(tmp_path, monkeypatch, {"net": ArmSpec(1.0)})
    (site, *_) = scan_covariates.scan_covariates(found.section)
    won = total = 0.0
    for run in found.section.of("net"):
        kept = found.section.predictions(run)
        strata = np.array([site.strata[str(name)] for name in kept["ids"]])
        for i in np.flatnonzero(kept["y"] == 1):
            for j in np.flatnonzero((kept["y"] == 0) & (strata == strata[i])):
                won, total = won + (kept["selected"][i, 1] > kept["selected"][j, 1]), total + 1
    entry = row(found.frame("confounds"), "net", control="within site")
    assert entry["controlled"] == pytest.approx(won / total)
    assert entry["score"] == pytest.approx(row(found.scores, "net")["score"])
    assert entry["change"] == pytest.approx(entry["controlled"] - entry["score"])
    matched = row(found.frame("confounds"), "net", control="matched on site and age")
    assert 20 < matched["people"] < PEOPLE


def test_an_arm_that_knows_the_class_beyond_the_site_is_no_shortcut(tmp_path, monkeypatch):
    found = made(tmp_path, monkeypatch, {"net": ArmSpec(2.0), "again": ArmSpec(2.0)})
    entry = row(found.frame("confounds"), "net", control="within site")
    assert entry["p_full"] < 0.01
    assert entry["controlled_low"] > 0.6
    assert scores_that_rest_on_covariates(found) == ""


def test_the_caution_names_the_arm_the_covariate_and_both_scores(tmp_path, monkeypatch):
    found = made(tmp_path, monkeypatch, {"net": ArmSpec(2.0)}, with_class=1.0)
    frame = found.frame("confounds").assign(p_holm=0.2)
    lost = (frame["control"] == "within site").to_numpy()
    changed = frame.assign(p_holm=np.where(lost, 0.004, 0.2), change=-0.3, score=0.8, controlled=0.5, p_partial=0.01)
    found._frames["confounds"] = changed
    assert scores_that_rest_on_covariates(found) == (
        "The AUC of net rests on site: it is 0.800 over all people, and 0.500 where people of the same site are"
        " compared (p = 0.004)."
    )


def test_the_checklists_of_a_paper_say_which_subgroups_have_scores(tmp_path, monkeypatch):
    found = made(tmp_path, monkeypatch, {"net": ArmSpec(1.0)})
    words = known_answers.subgroups(SimpleNamespace(tables=(found,)))
    assert "Scores in strata of site and age, with intervals" in words


def test_numbers_have_strata_and_tests_and_matched_people_of_each_third(tmp_path, monkeypatch):
    found = made(tmp_path, monkeypatch, {"net": ArmSpec(0.3)}, AGE)
    frame = found.frame("confounds")
    assert list(frame["control"]) == ["within site", "within age", "within site and age", "matched on site and age"]
    assert frame["p_full"].iloc[0] < 0.01
    assert math.isnan(frame["p_full"].iloc[2])
    covariates = scan_covariates.scan_covariates(found.section)
    control = confounds_table._controls(found.section)[-1]
    targets, site = confounds_table._targets(found.section), covariates[0].strata
    every, chosen = sorted(site), sorted(control.strata)
    related = [abs(np.corrcoef([targets[i] for i in ids], [site[i] for i in ids])[0, 1]) for ids in (every, chosen)]
    assert related[0] > 0.5 > 0.3 > related[1]
    assert np.std([targets[i] for i in chosen]) > 0.8 * np.std([targets[i] for i in every])
    assert frame["people"].iloc[3] == len({covariates[0].groups[i] for i in chosen})


def test_people_are_matched_where_no_covariate_is_a_number(tmp_path, monkeypatch):
    made(tmp_path, monkeypatch, {"net": ArmSpec(1.0)})
    every = scan_covariates._of_prepared(None)
    alone = {**every, "covariate_names": every["covariate_names"][:1], "covariates": every["covariates"][:, :1]}
    monkeypatch.setattr(scan_covariates, "_of_prepared", lambda section: alone)
    frame = tables.section_tables(tables.read("toy", tmp_path))[0].frame("confounds")
    assert list(frame["control"]) == ["within site", "matched on site"]


def test_without_covariates_there_is_no_table(tmp_path):
    plan = write(tmp_path, {"net": ArmSpec(1.0)})
    (found,) = tables.section_tables(tables.gather(plan, Store(tmp_path)))
    assert found.frame("subgroups").empty
    assert found.frame("confounds").empty
    assert not {"subgroups", "confounds"} & {table.name for table in tables.format_tables(found)}
    assert scores_that_rest_on_covariates(found) == ""


def test_records_hold_declared_covariates_and_the_site_in_the_order_of_the_scans():
    prepared = prepare("phantom_shortcut", {"subjects": 12, "mm": 12.0}, workers=1)
    rows = np.array([5, 2, 9])
    found = stored_covariates(prepared, rows)
    assert found["covariate_names"].tolist() == ["age", "sex", "site"]  # the oracle is not declared
    assert [json.loads(text) for text in found["covariates"][:, 0]] == [prepared.covariates["age"][r] for r in rows]
    assert [json.loads(text) for text in found["covariates"][:, 2]] == [prepared.sites[r] for r in rows]
    assert public_categories(prepared) <= {"F", "M", "north", "south"}
