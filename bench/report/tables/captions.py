"""What a table rests on, said at the table: data, selection, folds, recipe, protocol, kind of interval."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from bench.core import Recipe
from bench.core.study_plan import StudyPlan
from bench.evaluation import is_area
from bench.evaluation.segmentation import EMPTY
from bench.report.tables.above_chance_table import CONTRAST, PERMUTED
from bench.report.tables.number_format import MINUS, TIMES, listed, plural
from bench.report.tables.results import DatasetResults

ELSEWHERE = (
    " and the variance of a bootstrap over the people that all folds are tested on, degrees of freedom by Welch and "
    "Satterthwaite"
)
_CHOSEN = {  # how many of the evaluation points validation chooses among, by protocol version
    1: 5,
}


def heading(section: DatasetResults) -> str:
    """The data set with its kind, so that phantom and real cannot be taken for each other."""
    return f"{section.name} ({section.kind}{' data' if section.kind == 'real' else ''})"


def warning(section: DatasetResults) -> str:
    """What must be said before any number of a phantom; empty for real data."""
    if not section.phantom:
        return ""
    stood_for = section.data.get("stand_in_for")
    if stood_for:
        return (
            f"Stand-in: {stood_for} was not at hand, and the phantom {section.name}, made by a program, was used in "
            f"its place. Nothing here says anything about {stood_for} or about real scans."
        )
    return f"Phantom: {section.name} is made by a program. Nothing here says anything about real scans."


def data(section: DatasetResults) -> str:
    """The data set in a sentence."""
    samples, groups = section.counted()
    count = "" if samples is None else f", {plural(samples, 'scan')} of {plural(groups, 'person', 'people')}"
    shape = f" {TIMES} ".join(str(size) for size in section.data.get("shape") or ())
    title = section.data.get("title") or section.name
    prepared = f", prepared as {shape}" if shape else ""
    return f"Data: {section.name} ({section.kind}), {title.rstrip('.')}{count}{prepared}.{division(section)}"


def division(section: DatasetResults) -> str:
    """How the data are divided and labelled, where that is not by folds over people with their own labels."""
    entry, told = section.data, ""
    if (fraction := entry.get("fraction", 1.0)) < 1:
        told += f" Learnt from {100 * fraction:g} % of the training groups; validation and test are whole."
    if noise := entry.get("noise", 0.0):
        told += f" {100 * noise:g} % of the training groups are under a wrong class; validation and test are not."
    return told + _split(entry)


def _split(entry: Mapping[str, Any]) -> str:
    if other := entry.get("external"):
        return (
            f" Trained on the folds of {entry['data']}, and tested on all of {other['data']['name']}"
            f" ({other['title'].rstrip('.')}): every fold's network on the same scans, so differences between folds"
            " show how training varies, and not how scans do."
        )
    if entry.get("split") == "site":
        return " Each site is left out in turn: folds are sites, and a score is one on a site that was not learnt from."
    if entry.get("split") == "publisher":
        return " The publisher's own training and test parts: one fold, so no contrast can be tested."
    return ""


def design(section: DatasetResults) -> str:
    """Folds, partitions, seeds, recipe and protocol in a sentence."""
    plan = section.plan
    cells = grid(replace(plan, folds=section.folds, partitions=section.partitions))
    return f"Planned for each arm: {cells}. {budget(plan.recipe)} Protocol {plan.protocol}."


def grid(plan: StudyPlan) -> str:
    """Folds, partitions and seeds."""
    sizes = [plural(plan.folds, "fold"), plural(plan.partitions, "partition"), plural(plan.seeds, "seed")]
    return f" {TIMES} ".join(sizes)


def budget(recipe: Recipe) -> str:
    """The recipe in a sentence."""
    steps = f"{plural(recipe.steps, 'optimiser step')} of {plural(recipe.batch_size, 'scan')}"
    threads = plural(recipe.threads, "thread")
    return f"Recipe: {steps}, precision {recipe.precision}, {threads}, alike for all arms that learn by steps."


def candidates(section: DatasetResults) -> int:
    """How many evaluation points, the last ones, validation chooses among by the study's protocol."""
    return _CHOSEN.get(section.plan["protocol"], 5)


def selection(section: DatasetResults) -> str:
    """How the evaluation point was chosen."""
    points = section.plan["recipe"]["points"]
    last = min(points, candidates(section))
    return f"Evaluation point: chosen by validation among the last {last} of {points}, for all arms alike."


def scores(section: DatasetResults) -> str:
    """Under the scores."""
    kind = (
        f"Brackets: 95 % interval over people, for these trained models on new people ({interval(section)}); it"
        " compares no methods."
    )
    ranks = " Computed within each fold and averaged, never pooled." if section.metric.ranks else " Means over folds."
    empty = f" {EMPTY}" if section.task.kind == "segmentation" else ""
    first = f"{primary(section)}.{ranks}{empty}"
    return " ".join((data(section), first, kind, selection(section), design(section)))


def interval(section: DatasetResults) -> str:
    """How the interval beside a score is made."""
    area = is_area(section.metric, len(section.task.classes))
    made = "logit interval with the variance of DeLong" if area else "percentile interval of the bootstrap over people"
    if section.elsewhere:
        return f"{made}, of each model on all of them; the mean of their widths"
    more = ", wider by what folds can have in common whose models learn from each other's test parts"
    return f"{made} within each fold{more if section.correlation else ''}"


def primary(section: DatasetResults) -> str:
    """The primary metric with its direction and unit."""
    unit = section.unit(section.metric)
    return f"Primary metric: {section.metric.title}{f' ({unit})' if unit else ''}, {section.metric.better} is better"


def contrasts(section: DatasetResults, tests: int) -> str:
    """Under the contrasts."""
    parts = [
        data(section),
        f"{improvement(section)}: positive where the arm is better.",
        "Brackets: 95 % interval of the difference of the methods, from differences over folds and partitions, seeds "
        "averaged first, with the correction of Nadeau and Bengio"
        f"{ELSEWHERE if section.elsewhere else ''}; before Holm.",
        f"Holm: over the {plural(tests, 'declared contrast')} of the study on "
        f"{'phantoms' if section.phantom else 'real data'}.",
        "Detectable: the difference that such a test, before Holm, finds with probability 0.80 if its error were "
        "known; with few folds it finds it less often.",
        "Better in: the share of folds in which the arm is better, ties counting half, with the interval of Wilson for"
        " as many folds as the correction leaves; it decides nothing.",
        selection(section),
        design(section),
    ]
    margin = section.plan.get("margin")
    if margin is not None:
        words = (
            f"Equivalence: two one-sided tests on the same t, Holm, with the margin of {margin:g} declared beforehand."
        )
        parts.insert(4, words)
    return " ".join(parts)


def improvement(section: DatasetResults) -> str:
    """What a difference is called: its sign is always that of an improvement."""
    title, unit = section.metric.title, section.unit(section.metric)
    unit = f" ({unit})" if unit else ""
    if section.sign > 0:
        return f"Improvement in {title}{unit} = arm {MINUS} against"
    return f"Improvement in {title}{unit} = against {MINUS} arm, as lower is better"


def controls(section: DatasetResults) -> str:
    """Under the controls."""
    parts = ["Floors: scores with the 95 % interval over people, for these trained models."]
    if section.plan.get("again"):
        parts.append("A/A: the same method with other seeds, tested like any contrast; it should show nothing.")
    if section.plan.get("random_labels"):
        count = section.plan["random_labels"]["permutations"]
        parts.append(
            f"Random labels: {plural(count, 'permutation')} of the labels of whole people, folds averaged first; "
            "brackets: mean ± 2 standard errors over permutations, which should hold chance. It cannot see a person "
            "who is there twice under two names."
        )
    return " ".join((data(section), *parts, selection(section), design(section)))


def learning(section: DatasetResults, tests: Collection[str]) -> str:
    """Under what has learnt anything. tests: how its rows were tested."""
    known = (
        "Tested by whether its answers know the people: the score against that of the same answers given to others, by"
        " mean and variance over all permutations of the people of each fold, allowing for what the folds' models have"
        " in common. Chance up to: the improvement that answers without such knowledge exceed in 2.5 %. "
    )
    spread = (
        "Tested as a contrast is, over folds, as what chance gives is not known of this score. Chance up to: half of"
        " the 95 % interval of the difference. "
    )
    words = (
        f"Against a floor that looks at no scan. {known if PERMUTED in tests else ''}"
        f"{spread if CONTRAST in tests else ''}Holm: over the rows of this table. Not learnt: no better by the mean."
        " Not shown to have learnt: better, by no more than chance can do. On phantoms of effect 0 nothing should have"
        " learnt."
    )
    return " ".join((data(section), words, selection(section), design(section)))


def audit(section: DatasetResults) -> str:
    """Under the audit of the selection."""
    return " ".join(
        (
            data(section),
            f"{section.metric.title} on the test part by how the evaluation point is chosen, means over folds. Only "
            "the first is a result. Flattery: what the best of all points on test adds to it, which nobody would "
            f"get on new people; {_brackets(section)} It is never ranked.",
            selection(section),
            design(section),
        )
    )


def _brackets(section: DatasetResults) -> str:
    if section.elsewhere:
        return "without an interval, as all folds are tested on the same people."
    return "brackets: 95 % interval over folds and partitions, with the correction of Nadeau and Bengio."


def publisher(section: DatasetResults, frame: Any) -> str:
    """Under what the publisher's split flatters."""
    if frame.empty:
        return data(section)
    test, shared = frame.iloc[0]["test"], frame.iloc[0]["shared"]
    left = "none is left to judge by" if shared == test else f"{test - shared} are left"
    return (
        f"{data(section)} {shared} of {test} test scans belong to a group (a person, copies of one image, slices of one"
        f" head) that lies in the training part as well; without them {left}. The first score is what is usually"
        " published; neither is one on new people unless groups are whole."
    )


def cost(section: DatasetResults) -> str:
    """Under the cost."""
    words = (
        data(section),
        "Means over finished runs. Forward: floating-point operations of one scan, two for a multiplication with its "
        "addition. Memory of a processor is that of the whole process, at its peak.",
        _energy(section),
        machines(section),
        design(section),
    )
    return " ".join(word for word in words if word)


def _energy(section: DatasetResults) -> str:
    if not any("train_joules" in run.record.cost for run in section.runs if run.done):
        return ""
    return "Energy is that of the whole processor or graphics card during training, with all else that ran there."


def machines(section: DatasetResults) -> str:
    """Where the runs took place, and in which precision."""
    done = [run.record for run in section.runs if run.done]
    devices = sorted({str(record.provenance.get("processor", "")) for record in done} - {""})
    precisions = sorted({str(record.resolved.get("precision", "")) for record in done} - {""})
    if not devices:
        return ""
    more = "" if len(devices) == 1 else " Seconds on different processors do not compare."
    return f"Ran on {listed(devices)}{f' in {listed(precisions)}' if precisions else ''}.{more}"


def bias(section: DatasetResults) -> str:
    """What the table of bias says."""
    return (
        f"{data(section)} The gap is the prediction less the true number; its mean is 0"
        " where high and low errors are even; its slope on the true number is 0 without"
        f" bias and {MINUS}1 for a prediction that knows nothing. Corrected: by a line fitted on the validation part"
        " alone. It is reported and applied nowhere: scores, contrasts and figures rest on predictions as they are."
    )
