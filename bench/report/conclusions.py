"""The results of a study in sentences that claim no more than its numbers support."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.core.outside_arm import is_outside
from bench.report.covariate_caution import covariates_not_beaten
from bench.report.design_caution import other_designs
from bench.report.learnt_or_not import without_effect
from bench.report.opened_data_caution import opened_data
from bench.report.order_caution import order_matters
from bench.report.score_caution import scores_unlike_predictions
from bench.report.shortcut_caution import scores_that_rest_on_covariates
from bench.report.tables import DatasetResults, Results, SectionTables
from bench.report.tables.above_chance_table import NOTHING_LEARNT, UNSURE
from bench.report.tables.captions import in_sentence, warning
from bench.report.tables.controls_table import PLANTED
from bench.report.tables.declared_tests import EXPLORATORY, detectable_cell, verdict_cell
from bench.report.tables.effects_table import interaction_verdict
from bench.report.tables.number_format import decimals, listed, number, p_is, plural, probability, signed
from bench.report.tables.pretraining_notes import pretraining_notes
from bench.report.tables.results import Run
from bench.report.unlisted_trials import unlisted_trials
from bench.storage import provenance

MOST = 8  # arms that a caution names


def answers(found: SectionTables) -> list[str]:
    """A sentence for every declared contrast of a section, of arms and of splits, and for every other effect.

    Contrasts without a fold in which both arms ran share a sentence.
    """
    contrasts = found.contrasts.to_dict("records")
    not_run = [entry for entry in contrasts if not entry["folds"] and not entry["folds_undefined"]]
    apart = not_run if len(not_run) > 1 else []
    sentences = [answer(found.section, entry) for entry in contrasts if entry not in apart]
    if apart:
        pairs = listed([f"{entry['arm']} against {entry['against']}" for entry in apart])
        sentences.append(f"Not tested, as no fold has both arms: {pairs}.")
    tested = {(entry["arm"], entry["against"]) for entry in contrasts}
    effects = (e for e in found.effects.to_dict("records") if (e["arm"], e["against"]) not in tested)
    sentences += [split_answer(found.section, entry) for entry in found.splits.to_dict("records")]
    return sentences + [effect_answer(found.section, entry) for entry in effects]


def split_answer(section: DatasetResults, entry: Mapping[str, Any]) -> str:
    """One arm under two splits in a sentence."""
    place = f"{entry['arm']} on {entry['data']} against {entry['over']}"
    if math.isnan(entry["p"]):
        return f"{place} was {entry['verdict']}."
    under = {**entry, "arm": f"{entry['arm']} on {entry['data']}"}
    people = f"over {plural(entry['people'], 'person', 'people')}, {entry['people_shared']} of them under both splits"
    sentence = f"{_found(section, under)}, {people} ({_sure(section, entry)}): {_claim(section, under)}."
    sentence += f" Its variance of training: {entry['training_from']}."
    return sentence if entry["complete"] else f"{sentence} Not final: {_missing(entry)}."


def effect_answer(section: DatasetResults, entry: Mapping[str, Any]) -> str:
    """One effect in a sentence."""
    what = f"{entry['factor']}: {entry['level']}"
    if math.isnan(entry["p"]):
        return f"The effect {what} was {entry['verdict']}."
    digits, unit = decimals(section.metric), section.unit(section.metric)
    size = f"{signed(entry['improvement'], digits)}{f' {unit}' if unit else ''}"
    kind = "interaction" if entry["effect"] == "interaction" else "effect"
    over = "" if kind == "interaction" else f" against {entry['control']}"
    verdict = verdict_cell(section, entry)
    verdict = interaction_verdict(verdict) if kind == "interaction" else verdict
    folds = plural(entry["folds"], "fold")
    return (
        f"The {kind} {what}{over} is an improvement of {size} in {in_sentence(section.metric.title)}, on average"
        f" over {folds} ({_sure(section, entry)}): {verdict}."
    )


def answer(section: DatasetResults, entry: Mapping[str, Any]) -> str:
    """One contrast in a sentence."""
    if math.isnan(entry["p"]):
        return f"{entry['arm']} against {entry['against']} was {entry['verdict']}."
    folds = plural(entry["folds"], "fold")
    sentence = f"{_found(section, entry)}, on average over {folds} ({_sure(section, entry)}): {_claim(section, entry)}."
    if entry["folds_undefined"]:
        sentence += f" In {entry['folds_undefined']} of {entry['folds_planned']} folds the score is undefined."
    if entry["complete"]:
        return sentence
    return f"{sentence} Not final: {_missing(entry)}."


def _found(section: DatasetResults, entry: Mapping[str, Any]) -> str:
    digits, unit = decimals(section.metric), section.unit(section.metric)
    size = number(abs(entry["difference"]), digits)
    if float(size) == 0:
        return f"{entry['arm']} scored as {entry['against']} did in {in_sentence(section.metric.title)}"
    word = "higher" if entry["difference"] > 0 else "lower"
    title = in_sentence(section.metric.title)
    sign = "" if section.sign > 0 else f", {section.metric.better} being better"
    return f"{entry['arm']} scored {size}{f' {unit}' if unit else ''} {word} than {entry['against']} in {title}{sign}"


def _sure(section: DatasetResults, entry: Mapping[str, Any]) -> str:
    digits = decimals(section.metric)
    bounds = f"{number(entry['low'], digits)} to {number(entry['high'], digits)}"
    p = f"{p_is(entry['p_holm'])} after Holm" if entry["primary"] else f"q = {probability(entry['q'])}"
    return f"95 % interval of the improvement {bounds}, {p}"


def _claim(section: DatasetResults, entry: Mapping[str, Any]) -> str:
    words = entry["verdict"].partition(";")[0].removeprefix(EXPLORATORY)
    found = _finding(section, entry, words)
    return found if entry["primary"] else f"{found} (exploratory: this claims nothing)"


def _finding(section: DatasetResults, entry: Mapping[str, Any], words: str) -> str:
    if words.startswith("no difference shown"):
        size = detectable_cell(section, entry)
        if size.startswith(">"):
            return "no difference is shown; even the largest possible one would probably have been missed"
        return f"no difference is shown; a true one smaller than about {size} would probably have been missed"
    margin = f"the margin of {entry['margin']:g}"
    return f"{entry['arm']} is {words}".replace("the margin", margin).replace("is the same", "scored the same")


def _missing(entry: Mapping[str, Any]) -> str:
    if entry["folds"] == entry["folds_planned"]:
        return f"{plural(entry['missing_runs'], 'run')} missing"
    return f"{entry['folds']} of {entry['folds_planned']} folds"


def cautions(found: SectionTables) -> list[str]:
    """The cautions that qualify the answers of a section, the most serious first."""
    section, scores = found.section, found.scores
    alarms = [entry for entry in found.controls.to_dict("records") if entry["passes"] is False]
    words = [warning(section)]
    words += [f"The control {entry['control']} ({entry['arm']}) {_alarm(entry)}" for entry in alarms]
    partial = scores[~scores["complete"]]["arm"].tolist()
    if partial:
        which = "every arm" if len(partial) == len(scores) else listed(partial)
        words.append(f"Not complete: {which}. Missing runs are missing; nothing is filled in.")
    words += [
        undefined(section),
        mixed(section),
        mixed_code(section),
        order_matters(section),
        scores_unlike_predictions(section),
        opened_data(section),
        other_designs(section),
        unlisted_trials(section),
        one_seed(section),
        not_learnt(found),
        covariates_not_beaten(found),
        scores_that_rest_on_covariates(found),
        " ".join(pretraining_notes(section)),
        below_floors(found),
    ]
    return [word for word in words if word]


def _alarm(entry: Mapping[str, Any]) -> str:
    if entry["control"] == "A/A":
        return "shows a difference between a method and itself: by chance once in twenty studies, otherwise a fault."
    if entry["control"] == PLANTED:
        return "fails: the checks missed a leak that was planted, so trust no score here until the reason is known."
    return "shows something where there is nothing to find: no score here can be trusted until the reason is known."


def undefined(section: DatasetResults) -> str:
    """How many finished runs have no score; empty if all have one."""
    runs = [run for run in section.runs if run.done and run.cell.role in ("arm", "again")]
    lacking = sum(math.isnan(run.score(section.task.primary)) for run in runs)
    why = "holds one class only, or not all of them" if section.task.kind == "classification" else "does not define it"
    sentence = f"{section.metric.title} is undefined in {lacking} of {plural(len(runs), 'run')}, whose test part {why}"
    return f"{sentence}: they are in no mean." if lacking else ""


def mixed(section: DatasetResults) -> str:
    """A caution if the compared runs differ in device or precision; else empty."""
    ways: dict[str, int] = {}
    done = (run for run in section.runs if run.done and run.cell.role in ("arm", "again"))
    for run in (run for run in done if not is_outside(run.record.trial)):
        resolved = run.record.resolved
        way = f"{resolved.get('precision', '')} on {resolved.get('device', '')}"
        ways[way] = ways.get(way, 0) + 1
    if len(ways) < 2:
        return ""
    counts = listed([f"{plural(count, 'run')} in {way}" for way, count in sorted(ways.items())])
    return f"Unlike runs: {counts}. Their times do not compare, and small differences may come from that alone."


def mixed_code(section: DatasetResults) -> str:
    """A caution if the records of the compared runs differ in code; else empty.

    Of plug-in files only those count that a run used and that are not the same in all runs that used them.
    """
    runs = [run for run in section.runs if run.done and run.cell.role in ("arm", "again")]
    codes = [run.record.provenance.get("code") or {} for run in runs]
    package = "package" if all("package" in code for code in codes) else "sources"  # older records have no `package`
    used: dict[str, set[str]] = {}
    for name, checksum in (item for code in codes for item in code.get("plugins", {}).items()):
        used.setdefault(name, set()).add(checksum)
    ways: dict[tuple[str, str], list[Run]] = {}
    for run, code in zip(runs, codes, strict=True):
        own = [
            f"{name} (checksum {mark})" for name, mark in sorted(code.get("plugins", {}).items()) if len(used[name]) > 1
        ]
        ways.setdefault((code.get(package, ""), ", ".join(own)), []).append(run)
    if len(ways) < 2:
        return ""
    names = [provenance.format_code_version(alike[0].record.provenance) for alike in ways.values()]
    counts = listed([_code_of(way, ways[way], names, package) for way in sorted(ways)])
    return (
        f"Unlike code: {counts}. Differences may come from what was changed in between; run the study again to rule"
        " that out, or see `bench compare`."
    )


def _code_of(way: tuple[str, str], runs: Sequence[Run], names: Sequence[str], package: str) -> str:
    """How many runs one code has made, of which arms, and what distinguishes the code from that of others."""
    mark, own = way
    name = provenance.format_code_version(runs[0].record.provenance)
    if not own and names.count(name) > 1:
        own = f"other files of one's own (sources {mark})" if package == "sources" else f"package files {mark}"
    arms = _few([run.cell.arm for run in runs])
    return f"{plural(len(runs), 'run')} ({arms}) by {name}{f' with {own}' if own else ''}"


def _few(arms: list[str], most: int = 4) -> str:
    found = list(dict.fromkeys(arms))
    return ", ".join(found[:most]) + (f" and {len(found) - most} more arms" if len(found) > most else "")


def one_seed(section: DatasetResults) -> str:
    """A caution if every fold has one seed: variation of training and of folds cannot be separated."""
    if section.plan.seeds > 1 or not (section.plan.contrasts or section.plan.design):
        return ""
    return "One seed: how much the scores of one fold vary from training to training is not known from this study."


def not_learnt(found: SectionTables) -> str:
    """Which arms are not better than a floor that sees no scan, or better only within chance; else empty."""
    table = found.learning
    if without_effect(found.section):
        return ""  # there is nothing to learn; the headline tells who did
    least = " Such scores say nothing of an idea until the reason is found."
    words = []
    for group, how, more in ((NOTHING_LEARNT, "no better than", least), (UNSURE, "not shown to be better than", "")):
        rows = table[[each.partition(";")[0] == group for each in table["verdict"]]]
        if len(rows):
            arms, floor = rows["arm"].tolist(), rows.iloc[0]["against"]
            verb = "is" if len(arms) == 1 else "are"
            names = f"{', '.join(arms[:MOST])} and {len(arms) - MOST} more" if len(arms) > MOST + 1 else listed(arms)
            words.append(f"{group.capitalize()}: {names} {verb} {how} {floor}, which looks at no scan.{more}")
    return " ".join(words)


def below_floors(found: SectionTables) -> str:
    """Which complete arms do not exceed the best floor, by their means; empty if all do or there is none."""
    scores = found.scores[found.scores["complete"] & found.scores["score"].notna()]
    floors = scores[scores["floor"]]
    if floors.empty or without_effect(found.section):
        return ""
    gains = found.section.sign * scores["score"]
    best = floors.loc[gains[scores["floor"]].idxmax()]
    under = scores[(~scores["floor"]) & (gains <= found.section.sign * best["score"])]["arm"].tolist()
    if not under:
        return ""
    level = number(best["score"], decimals(found.section.metric))
    verb = "is" if len(under) == 1 else "are"
    return (
        f"By the means, which were not tested, {listed(under)} {verb} no better than the floor {best['arm']} ({level})."
    )


def run_so_far(results: Results) -> str:
    """How many runs are done, and how long they took."""
    keys = {run.cell.key for section in results.sections for run in section.runs}
    records = results.records
    states = ((sum(record.status == state for record in records), state) for state in ("failed", "refused"))
    troubles = "".join(f", {count} {state}" for count, state in states if count)
    done = sum(record.status == "done" for record in records)
    hours = sum(record.provenance.get("seconds") or 0.0 for record in records) / 3600
    took = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"
    return f"{done} of {len(keys)} runs done{troubles}; {took} of computing."
