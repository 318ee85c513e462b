"""Results that are picked after they were seen: seeds, folds, evaluation points, contrasts, parameters."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bench.analysis.verify.planted_fault import CAUGHT, CONTROL, MISSED, PlantedFault, refusal, sentence_with
from bench.analysis.verify.planted_programs import DARKER, dataset, network, study
from bench.analysis.verify.sandbox import Sandbox, edit_plan
from bench.core import Arm, Recipe
from bench.report.conclusions import cautions

ARMS = {"one": Arm("constant"), "two": Arm("linear")}
FOLD_COUNTS = (2, 3, 4)
RATES = (0.02, 0.005, 0.05)


def _seeds_removed(place: Sandbox, faulty: bool) -> str:
    """The records of all seeds but one are removed."""
    place.add("planted", dataset(image=DARKER))
    place.run(study(ARMS, floors=(), folds=2, seeds=2))
    plan = json.loads((place.results / "planted" / "plan.json").read_text("utf-8"))
    for cell in plan["cells"]:
        if faulty and cell["arm"] == "two" and cell["seed"] == 0:
            shutil.rmtree(place.results / "trials" / cell["key"], ignore_errors=True)
    (row,) = place.report().tables[0].frame("contrasts").to_dict("records")
    return row["verdict"] if "not final" in row["verdict"] else ""


def _seeds_in_plan(place: Sandbox, faulty: bool) -> str:
    """A plan whose cells are those of one seed of two, and which says that there was one."""
    place.add("planted", dataset(image=DARKER))
    place.run(study(ARMS, floors=(), folds=2, seeds=2))
    if faulty:
        edit_plan(place.results / "planted" / "plan.json", _one_seed)
    return refusal(place.report, "lacks")


def _one_seed(plan: dict[str, Any]) -> None:
    plan["cells"] = [cell for cell in plan["cells"] if cell["seed"] == 1]
    plan["seeds"] = 1


def _fold_counts(place: Sandbox, faulty: bool) -> str:
    """The study is run with several numbers of folds, and the best one is shown."""
    place.add("planted", dataset())
    for folds in FOLD_COUNTS if faulty else FOLD_COUNTS[:1]:
        place.run(study({"one": Arm("constant")}, floors=(), folds=folds), f"planted-{folds}")
    data = place.report(f"planted-{FOLD_COUNTS[0]}")
    return sentence_with(cautions(data.tables[0]), "under other designs")


def _fold_counts_removed(place: Sandbox, faulty: bool) -> str:
    """The same, and the studies with the worse numbers of folds are removed."""
    place.add("planted", dataset())
    for folds in FOLD_COUNTS if faulty else FOLD_COUNTS[:1]:
        place.run(study({"one": Arm("constant")}, floors=(), folds=folds), f"planted-{folds}")
    for folds in FOLD_COUNTS[1:]:
        shutil.rmtree(place.results / f"planted-{folds}", ignore_errors=True)
    return sentence_with(cautions(place.report(f"planted-{FOLD_COUNTS[0]}").tables[0]), "belong to no study")


def _best_on_test(place: Sandbox, faulty: bool) -> str:
    """Evaluation points that could be picked on the test part: there is nothing to learn, but points differ."""
    place.add("planted", dataset())
    place.add("net", network())
    points = 12 if faulty else 1
    place.run(study({"net": Arm("net")}, recipe=Recipe(steps=60, batch_size=8, points=points)))
    (row,) = place.report().tables[0].scores.to_dict("records")
    if not row["flattery"] > 0:
        return ""
    return f"the audit of the selection: the best of all points on test would add {row['flattery']:.3f} to the AUC"


def _late_contrast(place: Sandbox, faulty: bool) -> str:
    """A contrast that is declared when its results are known."""
    place.add("planted", dataset(image=DARKER))
    arms = {**ARMS, "three": Arm("nearest_neighbour")}
    first = study(arms, floors=(), contrasts=[("two", "one")])
    place.run(first)
    if faulty:
        place.run(replace(first, contrasts=[("two", "one"), ("two", "three")]))
    rows = {row["against"]: row for row in place.report().tables[0].frame("contrasts").to_dict("records")}
    late = rows.get("three", {"primary": True, "verdict": ""})
    return "" if late["primary"] else f"the contrast with three is {late['verdict']}"


def _more_steps(place: Sandbox, faulty: bool) -> str:
    """An arm that asks for more steps than the others have."""
    place.add("planted", dataset(image=DARKER))
    place.add("net", network())
    arms = {"net": Arm("net", {"steps": 5000} if faulty else {}), "constant": Arm("constant")}
    asked = study(arms, recipe=Recipe(steps=2, batch_size=8, points=1))
    return refusal(lambda: place.run(asked), "more than the 2 of the study")


def _hand_tuned(names: Sequence[str], words: str, place: Sandbox, faulty: bool) -> str:
    """Parameters of an arm are tried, each in the study of a name, and the best is shown."""
    place.add("planted", dataset(image=DARKER))
    place.add("net", network())
    rates = RATES if len(names) > 1 else RATES[:1]
    for name, rate in zip(names, rates, strict=True) if faulty else [(names[0], RATES[0])]:
        arms = {"constant": Arm("constant"), "net": Arm("net", {"lr": rate})}
        place.run(study(arms, recipe=Recipe(steps=2, batch_size=8, points=1)), name)
    return sentence_with(cautions(place.report(names[-1] if faulty else names[0]).tables[0]), words)


FAULTS = (
    PlantedFault("seeds_removed", "The records of all seeds but the best are deleted.", CAUGHT, _seeds_removed),
    PlantedFault("seed_picked", "The plan is edited to have the better seed of two alone.", CAUGHT, _seeds_in_plan),
    PlantedFault(
        "number_of_folds_picked", "The study is run with 2, 3 and 4 folds; the best is shown.", CONTROL, _fold_counts,
    ),
    PlantedFault(
        "other_folds_removed", "The same, and the studies with other numbers of folds are removed.", CONTROL,
        _fold_counts_removed,
    ),
    PlantedFault("best_point_on_test", "The best evaluation point on the test part could be picked.", CONTROL,
                 _best_on_test, slow=True),
    PlantedFault("late_contrast", "A contrast is declared when its results are known.", CAUGHT, _late_contrast),
    PlantedFault("more_steps", "One arm asks for more steps than the others.", CAUGHT, _more_steps),
    PlantedFault(
        "tuned_by_hand", "One arm's rate is changed in the study and run again, until it is best on the test part.",
        CONTROL, partial(_hand_tuned, ("planted",) * len(RATES), "belong to no study"),
    ),
    PlantedFault(
        "tuned_under_other_names", "The same, and each try is a study of its own; the best is shown.", CONTROL,
        partial(_hand_tuned, ("planted", "second", "third"), "with other parameters"),
    ),
    PlantedFault(
        "tuned_elsewhere", "One arm was tuned by hand in another folder of results; the other has its defaults.",
        MISSED, partial(_hand_tuned, ("planted",), "parameters"),
        "What was tried in another folder of results is unknown to this one. The table of the arms shows every"
        " parameter; `bench tune` searches all arms alike on validation data and counts the candidates. Declare the"
        " study beforehand, for example in a preregistration.",
    ),
)  # fmt: skip
