"""Arms, recipe and choice of the evaluation point in sentences."""

from __future__ import annotations

import re

from bench.core.outside_arm import is_outside_label
from bench.report.paper.paper_content import PaperContent, sentences_of
from bench.report.tables import captions
from bench.report.tables.number_format import NOTHING, listed, plural
from bench.report.tables.outside_notes import outside_notes
from bench.report.tables.pretraining_notes import pretraining_notes


def arm_lines(content: PaperContent) -> list[str]:
    """A line for every arm: method, first sentence of its description, view, curriculum, steps, parameters, sources."""
    lines, plan = [], content.results.plan
    methods = {cell.arm: cell.method for cell in plan.cells}
    for arm, method, view, curriculum, steps, parameters in content.arms.rows:
        if is_outside_label(arm):
            lines.append(f"{arm}: its predictions were read from a file.")
            continue
        roles = [word for word, names in (("floor", plan.floors), ("reference", (plan.reference,))) if arm in names]
        name, sign, version = method.partition(" (version ")
        what = description(content, methods[arm])
        start = f"{arm}{f' ({listed(roles)})' if roles else ''}: method `{name}`{sign}{version}"
        parts = [
            f"Input: {view}" if view != NOTHING else "",
            f"it reads {listed(read)} and no scan" if (read := covariates_read(content, arm)) else "",
            _curriculum(content, curriculum) if curriculum.partition(" ")[0] not in ("none", NOTHING) else "",
            _steps(steps),
            content.named(_parameters(parameters, steps)),
        ]
        words = f"{start}. {what}. {'; '.join(part for part in parts if part)}".replace(". .", ".").strip()
        lines.append(f"{words} {content.of_member('methods', methods[arm])}".strip())
    return lines


def description(content: PaperContent, method: str) -> str:
    """The first sentence of the description of a method, without its full stop."""
    card = content.card("methods", method)
    return sentences_of(card.about[0])[0].rstrip(".") if card else ""


def covariates_read(content: PaperContent, arm: str) -> list[str]:
    """The covariates that an arm reads in place of the scan."""
    runs = (run for found in content.tables for run in found.section.of(arm) if run.done)
    return list(dict.fromkeys(name for run in runs for name in run.record.resolved.get("covariates", ())))


def _steps(steps: str) -> str:
    return "" if steps == NOTHING else "no optimiser steps" if steps == "0" else f"{steps} optimiser steps"


def _curriculum(content: PaperContent, words: str) -> str:
    return f"curriculum: {words} {content.of_member('curricula', words.partition(' ')[0])}".strip()


def _parameters(parameters: str, steps: str) -> str:
    """The parameters that are set; without those of an optimiser for a method that takes no steps."""
    if parameters in ("", NOTHING):
        return ""
    unused = r"(?:optimiser|lr|weight_decay|schedule|warmup|momentum)=[^,]*(?:, |$)" if steps == "0" else r"(?!)"
    words = re.sub(rf"(?<![^ ]){unused}|(?<![^ ])\w+=(?:, |$)", "", parameters)
    return f"parameters: `{words.removesuffix(', ')}`" if words else ""


def recipe(content: PaperContent) -> list[str]:
    """The recipe, the device and precision that ran, and the seeds."""
    plan = content.results.plan
    sentences = [captions.budget(plan), f"Protocol of dclse-bench: version {plan.protocol}."]
    ran = [f"{entry['precision']} on {entry['device']}" for entry in content.manifest["environment"]["records"]]
    known = sorted({words for words in ran if not words.startswith(" ") and not words.endswith(" ")})
    sentences += [f"Runs were computed in {listed(known)}."] if known else []
    if plan.trains:
        sentences.append(
            f"{plural(plan.seeds, 'seed')} for each fold; every random number follows from data, partition, fold, seed"
            " and purpose, not from the method."
        )
    return sentences


def beginnings(content: PaperContent) -> list[str]:
    """Which arms begin with other weights, which weights may have seen the people, which arms are from outside."""
    notes = [note for found in content.tables for note in pretraining_notes(found.section)]
    notes += [note for found in content.tables for note in outside_notes(found.section)]
    return list(dict.fromkeys([*content.arms.notes, *notes]))


def selection(content: PaperContent) -> list[str]:
    """How the evaluation point and the threshold were chosen."""
    sentences = [captions.selection(content.results.sections[0])]
    sentences += ["No test data were used for this choice."] if content.results.plan.trains else []
    if content.has_rows("operating"):
        sentences.append(content.named(threshold()))
    if content.results.tuned_parameters:
        sentences.append("Parameters were searched on the validation data of each fold before the study was run.")
    return sentences


def threshold() -> str:
    """How the threshold of two classes was chosen."""
    return (
        "The threshold of two classes has the largest sum of sensitivity and specificity (Youden) on the validation"
        " part of each run. Metrics that count at one threshold take the class of the highest probability instead."
    )
