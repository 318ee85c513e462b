"""Metrics, intervals, the deciding test and the controls of a study in sentences."""

from __future__ import annotations

import math

import pandas as pd

from bench.evaluation import metrics
from bench.report.paper.paper_content import PaperContent
from bench.report.tables import SectionTables, captions
from bench.report.tables.declared_tests import detectable_cell
from bench.report.tables.metric_range import interval_cell
from bench.report.tables.number_format import between, decimals, listed, number, p_is, plural, probability, signed
from bench.report.tables.scores_table import interval_words


def metric_sentences(content: PaperContent, found: SectionTables) -> list[str]:
    """The primary metric, its interval, and the other metrics of the task."""
    section = found.section
    others = [each.title for each in metrics.of_task(section.task)[1:]]
    pooled = "computed within each fold and averaged, never pooled" if section.metric.ranks else "means over folds"
    sentences = [
        f"{captions.primary(section)} ({pooled}).",
        f"Its 95 % interval is over {captions.over(section)}, for the trained models: {interval_words(section)}.",
        f"Other metrics: {listed(others)}." if others else "",
    ]
    return [content.named(sentence) for sentence in sentences if sentence]


def tests_of(found: SectionTables) -> pd.DataFrame:
    """The declared tests of a data set: contrasts, splits and effects, each once."""
    frames = [frame for frame in (found.contrasts, found.splits, found.effects) if len(frame)]
    if not frames:
        return found.contrasts
    return pd.concat(frames, ignore_index=True).drop_duplicates(["arm", "against"])


def test_sentences(content: PaperContent, found: SectionTables) -> list[str]:
    """The test that decides, its correction and the margin of equivalence; empty if nothing was declared."""
    tests = tests_of(found)
    if not len(tests):
        return []
    margin = content.results.plan.margin
    sentences = [captions.deciding(found.section), captions.correction(tests, found.section, beside=False)]
    if margin is not None:
        sentences.append(f"Equivalence: two one-sided tests on the same t, with the margin of {margin:g}.")
    return [content.named(sentence) for sentence in sentences]


def declared(found: SectionTables) -> list[str]:
    """Every declared comparison, and the difference that its test could have shown."""
    lines = []
    for entry in tests_of(found).to_dict("records"):
        kind = "primary" if entry["primary"] else "exploratory"
        name = _name(entry)
        if math.isnan(entry["p"]):
            lines.append(f"{name} ({kind}): {entry['verdict']}")
        elif math.isnan(entry["detectable"]):
            lines.append(f"{name} ({kind}): the detectable difference is not known")
        else:
            unit = found.section.unit(found.section.metric)
            size = f"{detectable_cell(found.section, entry)}{f' {unit}' if unit else ''}"
            lines.append(f"{name} ({kind}): detectable difference {size} in {found.section.metric.title}")
    return lines


def results_of(found: SectionTables) -> list[str]:
    """Every declared comparison with its improvement, interval, p after correction, and verdict."""
    digits, lines = decimals(found.section.metric), []
    for entry in tests_of(found).to_dict("records"):
        if math.isnan(entry["p"]):
            lines.append(f"{_name(entry)}: {entry['verdict']}")
            continue
        sure = f"{p_is(entry['p_holm'])} after Holm" if entry["primary"] else f"q = {probability(entry['q'])}"
        interval = interval_cell(found.section, entry)
        lines.append(f"{_name(entry)}: {signed(entry['improvement'], digits)} {interval}, {sure}: {entry['verdict']}")
    return lines


def _name(entry: dict) -> str:
    if entry.get("effect") and not entry["against"]:
        return f"{entry['arm']} against {entry['control']}"
    return f"{entry['arm']} against {entry['against']}"


def score_lines(found: SectionTables, arm: str = "") -> list[str]:
    """The primary score of each arm with its interval. arm: of this one only."""
    section, digits = found.section, decimals(found.section.metric)
    unit = section.unit(section.metric)
    lines = []
    for entry in found.scores.to_dict("records"):
        if arm in ("", entry["arm"]):
            score = "no score" if math.isnan(entry["score"]) else number(entry["score"], digits)
            interval = "" if math.isnan(entry["low"]) else f" {between(entry['low'], entry['high'], digits)}"
            runs = f"{entry['done']} of {plural(entry['planned'], 'run')}"
            lines.append(
                f"{entry['arm']}: {section.metric.title}{f' ({unit})' if unit else ''} {score}{interval}, {runs}"
            )
    return lines


def _estimate(entry: dict) -> str:
    """The number that a control found, with a comma; empty if it found none."""
    metric, size = metrics.metric(entry["metric"]), entry["estimate"]
    if math.isnan(size):
        return ""
    if entry["control"] == "A/A":
        return f"difference in {metric.title} {signed(size, decimals(metric))}, "
    return f"{metric.title} {number(size, decimals(metric))}, "


def control_lines(found: SectionTables) -> list[str]:
    """Every control with its verdict, and the kinds of control that the study has not."""
    lines = []
    for entry in found.controls.to_dict("records"):
        verdict = entry["verdict"] if entry["done"] else "no run"
        lines.append(f"{entry['control']} ({entry['arm']}): {_estimate(entry)}{verdict}")
    plan = found.results.plan
    kinds = (
        ("a method against itself", plan.again),
        ("random labels", plan.random_labels),
        ("a planted leak", plan.planted_leak),
    )
    absent = [name for name, control in kinds if control is None]
    return [*lines, f"not part of this study: {listed(absent)}"] if absent else lines
