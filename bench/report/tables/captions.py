"""The sentences that the captions of several tables share: data, selection, folds, recipe, protocol, improvement."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from bench.core import task_kind
from bench.core.study_plan import DataEntry, StudyPlan
from bench.report.tables.number_format import MINUS, TIMES, plural
from bench.report.tables.results import DatasetResults

_AMONG_LAST = {  # protocol version -> number of evaluation points, the last ones, that validation chose among
    1: 5,
}
BESIDE = "The corrected resampled t-test over folds stands beside it in the CSV."


def heading(section: DatasetResults) -> str:
    """The data set with its kind, so that phantom and real are not confused."""
    return f"{section.name} ({section.kind}{' data' if section.kind == 'real' else ''})"


def warning(section: DatasetResults) -> str:
    """The warning that precedes every number of a phantom; empty for real data."""
    if not section.phantom:
        return ""
    stood_for = section.data.stand_in_for
    if stood_for:
        return (
            f"Stand-in: {stood_for} was not at hand, and the phantom {section.name}, made by a program, was used in "
            f"its place. Nothing here says anything about {stood_for} or about real scans."
        )
    return f"Phantom: {section.name} is made by a program. Nothing here says anything about real scans."


def over(section: DatasetResults) -> str:
    """What the statistics of a data set count, several of them: people, or couples of people in registration."""
    return task_kind(section.task.kind).counted[1]


def data(section: DatasetResults) -> str:
    """The data set in a sentence."""
    samples, groups = section.counted()
    count = "" if samples is None else f", {plural(samples, 'scan')} of {plural(groups, 'person', 'people')}"
    shape = f" {TIMES} ".join(str(size) for size in section.data.shape)
    title = section.data.title or section.name
    prepared = f", prepared as {shape}" if shape else ""
    return f"Data: {section.name} ({section.kind}), {title.rstrip('.')}{count}{prepared}.{division(section)}"


def division(section: DatasetResults) -> str:
    """How the data are divided and labelled, if not by folds over people with their own labels."""
    entry, words = section.data, ""
    if entry.fraction < 1:
        words += f" Learnt from {100 * entry.fraction:g} % of the training groups; validation and test are whole."
    if entry.noise:
        words += (
            f" {100 * entry.noise:g} % of the training groups are under a wrong class; validation and test are not."
        )
    return words + _split(entry)


def _split(entry: DataEntry) -> str:
    if other := entry.external:
        return (
            f" Trained on the folds of {entry.data}, and tested on all of {other.data.name}"
            f" ({other.title.rstrip('.')}): every fold's network on the same scans, so differences between folds"
            " show how training varies, and not how scans do."
        )
    if entry.split == "site":
        return " Each site is left out in turn: folds are sites, and a score is one on a site that was not learnt from."
    if entry.split == "publisher":
        return " The publisher's own training and test parts: one fold, so no contrast of arms can be tested."
    return ""


def design(section: DatasetResults) -> str:
    """Folds, partitions, seeds, recipe and protocol in a sentence."""
    plan = section.plan
    cells = grid(replace(plan, folds=section.folds, partitions=section.partitions))
    return f"Planned for each arm: {cells}. {budget(plan)} Protocol {plan.protocol}."


def grid(plan: StudyPlan) -> str:
    """Folds, partitions and seeds."""
    sizes = [plural(plan.folds, "fold"), plural(plan.partitions, "partition"), plural(plan.seeds, "seed")]
    return f" {TIMES} ".join(sizes)


def budget(plan: StudyPlan) -> str:
    """The recipe in a sentence."""
    if not plan.trains:
        return "Recipe: none, as nothing was trained here."
    recipe = plan.recipe
    steps = f"{plural(recipe.steps, 'optimiser step')} of {plural(recipe.batch_size, 'scan')}"
    threads = plural(recipe.threads, "thread")
    return f"Recipe: {steps}, precision {recipe.precision}, {threads}, alike for all arms that learn by steps."


def candidates(section: DatasetResults) -> int:
    """How many evaluation points, the last ones, validation chooses among by the study's protocol."""
    points = section.plan.recipe.points
    return min(points, _AMONG_LAST.get(section.plan.protocol, points))


def selection(section: DatasetResults) -> str:
    """How the evaluation point was chosen."""
    if not section.plan.trains:
        return "Evaluation point: chosen elsewhere."
    points = section.plan.recipe.points
    if section.plan.protocol in _AMONG_LAST:
        last = candidates(section)
        return f"Evaluation point: chosen by validation among the last {last} of {points}, for all arms alike."
    return (
        f"Evaluation point: chosen among all {points} by the validation score, averaged with those of the point before"
        " and the point after, for all arms alike."
    )


def deciding(section: DatasetResults) -> str:
    """The test that decides, in a sentence."""
    training = (
        "the spread over folds with the correction of Nadeau and Bengio"
        if section.external
        else f"the spread over folds beyond what their {over(section)} explain"
    )
    allowance = "" if section.external else " with the allowance for shared training parts"
    one, many = task_kind(section.task.kind).counted
    return (
        f"Tested over {many}: what each {one} contributes, averaged over partitions, folds and seeds; the variance"
        f" over {many}{allowance}, plus the variance of training ({training}); t with the degrees of freedom of Welch"
        " and Satterthwaite."
    )


def correction(tests: pd.DataFrame, section: DatasetResults, beside: bool = True) -> str:
    """How the tests of a table are corrected, and what could have been detected, in a sentence.

    beside: whether the CSV has the test over folds too.
    """
    where = "phantoms" if section.phantom else "real data"
    words = []
    for primary, how in ((True, "Holm: over"), (False, "q: the false discovery rate (Benjamini and Hochberg) over")):
        family = tests[tests["primary"] == primary] if len(tests) else tests
        if len(family):
            kind = "primary" if primary else "exploratory"
            number = plural(int(family["tests"].max()), f"{kind} test")
            words.append(f"{how} the {number} of the study on {where}, differences and equivalences together.")
    words.append("Detectable: the true difference that this test finds, after the correction, in 80 % of such studies.")
    return " ".join([*words, BESIDE] if beside else words)


def in_sentence(title: str) -> str:
    """The title of a metric within a sentence: `balanced accuracy`, but `AUC` and `Dice`."""
    return title[0].lower() + title[1:] if " " in title and title[:2].istitle() else title


def primary(section: DatasetResults) -> str:
    """The primary metric with its direction and unit."""
    title, unit = in_sentence(section.metric.title), section.unit(section.metric)
    return f"Primary metric: {title}{f' ({unit})' if unit else ''}, {section.metric.better} is better"


def improvement(section: DatasetResults) -> str:
    """The name of a difference: its sign is always that of an improvement."""
    title, unit = in_sentence(section.metric.title), section.unit(section.metric)
    unit = f" ({unit})" if unit else ""
    if section.sign > 0:
        return f"Improvement in {title}{unit} = arm {MINUS} against"
    return f"Improvement in {title}{unit} = against {MINUS} arm, as lower is better"
