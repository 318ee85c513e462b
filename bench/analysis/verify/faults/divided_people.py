"""Splits that must not be: people in both parts, sets that share people, phantoms beside scans, classes that lack."""

from __future__ import annotations

from bench.analysis.verify.planted_fault import CAUGHT, PlantedFault, refusal
from bench.analysis.verify.planted_programs import dataset, network, study
from bench.analysis.verify.sandbox import Sandbox
from bench.core import Arm, Data, Recipe


def _published_split(place: Sandbox, faulty: bool) -> str:
    """A publisher's split with two scans of each person, in one part or in both."""
    tested = "at % 10 == 0" if faulty else "at // 2 % 5 == 0"
    people = "group, label = f'p{at // 2:03d}', at // 2 % 2\n"
    place.add("planted", dataset(f"{people}part = 'test' if {tested} else 'train'"))
    place.prepare("planted")
    place.add("net", network())
    asked = study(data=Data("planted", split="publisher"))
    return refusal(lambda: place.run(asked), "the publisher's split of planted")


def _external(place: Sandbox, faulty: bool) -> str:
    """A test set that has the same people as the training set, by the register of overlaps."""
    other = "ad_mri2d" if faulty else "ad_adni"
    asked = study({"constant": Arm("constant")}, Data("ad_oasis", external=Data(other)))
    words = refusal(lambda: place.run(asked), *(["cannot be the external test"] if faulty else ["is not prepared"]))
    return words if "external test" in words else ""


def _phantom(place: Sandbox, faulty: bool) -> str:
    """A network that is trained on a phantom and tested on real scans, in one row."""
    asked = study(
        {"constant": Arm("constant")}, Data("age_oasis", external=Data("phantom_age" if faulty else "age_ixi"))
    )
    words = refusal(
        lambda: place.run(asked), *(["one of the data sets is a phantom"] if faulty else ["is not prepared"])
    )
    return words if "phantom" in words and "is not prepared" not in words else ""


def _lacking_class(place: Sandbox, faulty: bool) -> str:
    """A class that has fewer people than there are folds: some training or test part lacks it."""
    place.add("planted", dataset(f"label = int(at < {2 if faulty else 20})"))
    place.add("net", network())
    short = Recipe(steps=2, batch_size=8, points=1)
    return refusal(lambda: place.run(study(recipe=short)), "groups, fewer than the 3 folds")


def _teacher(place: Sandbox, faulty: bool) -> str:
    """A student whose teacher was trained on another fold, where the people that test the student are learnt from."""
    place.add("planted", dataset())
    place.add("net", network())
    other = "fold=(trial.fold + 1) % 3, " if faulty else ""
    upstream = (
        "def upstream(self, trial):\n"
        "    import dataclasses\n"
        "    from bench import registry\n"
        f"    return (dataclasses.replace(trial, {other}method=registry.spec('methods', 'net', {{}})),)"
    )
    place.add("student", network(methods=upstream))
    if not faulty:  # a study that is only planned
        from bench.experiments import api

        api.plan(study({"student": Arm("student")}), name="planned", results=place.results)
        return ""
    return refusal(lambda: place.run(study({"student": Arm("student")})), "trained on another fold")


def _weights(place: Sandbox, faulty: bool) -> str:
    """Weights that begin with a pretraining on the people that are tested."""
    from bench.experiments import api

    place.add("planted", dataset(phantom=False))
    place.prepare("planted")
    fields = "weights: str = param('', 'a file')\n    pretrained_on: tuple[str, ...] = param((), 'data sets')"
    place.add("net", network(fields=fields))
    params = {"weights": "brains.safetensors", "pretrained_on": ("planted" if faulty else "imagenet",)}
    planned = api.plan(study({"net": Arm("net", params)}), name="planned", results=place.results)
    return " ".join(note for note in planned.method_notes if "may have seen" in note)


FAULTS = (
    PlantedFault(
        "divided_people", "The publisher's split has scans of one person in both parts.", CAUGHT, _published_split
    ),
    PlantedFault("shared_cohort", "The external test set has the people of the training set.", CAUGHT, _external),
    PlantedFault("phantom_beside_scans", "Real scans and a phantom share a row of the table.", CAUGHT, _phantom),
    PlantedFault("lacking_class", "A class has fewer people than there are folds.", CAUGHT, _lacking_class),
    PlantedFault(
        "teacher_of_another_fold", "A teacher has learnt from the people that test its student.", CAUGHT, _teacher
    ),
    PlantedFault(
        "pretrained_on_test_people", "Weights were pretrained on the people that are tested.", CAUGHT, _weights
    ),
)
