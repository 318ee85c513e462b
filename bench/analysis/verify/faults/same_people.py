"""People who are there twice: under two names, as copies, mirrored, resized, as slices of one head."""

from __future__ import annotations

from functools import partial

from bench.analysis.verify.planted_fault import CAUGHT, PlantedFault, refusal
from bench.analysis.verify.planted_programs import dataset
from bench.analysis.verify.sandbox import Sandbox

PEOPLE, AGAIN = 100, 8  # scans, and those of them that show the first people again
ALONE = "image = head(at) + 0.05 * self._noise(at)"
SECOND = "who = at - 92 if at >= 92 else at\n"  # the last eight scans
TWICE = {
    "a second scan": "image = head(who) + 0.05 * self._noise(at)",
    "augmented": "image = 0.7 * np.roll(head(who), who % 2, axis=2) + 40 + 0.05 * self._noise(at)",
    "mirrored": "image = head(who)[..., :: -1 if at >= 92 else 1] + 0.02 * self._noise(at)",
    "resized": (
        "from scipy.ndimage import zoom\nimage = head(who)\n"
        "image = zoom(zoom(image, (1, 0.75, 0.75), order=1), (1, 4 / 3, 4 / 3), order=1) if at >= 92 else image"
    ),
    "slices": "image = np.cos(0.15 * (at >= 92)) * head(who) + np.sin(0.15 * (at >= 92)) * head(1000 + who)",
    "copied": "image = head(who)",
}


def _prepared(place: Sandbox, image: str, faulty: bool) -> str:
    """The refusal to prepare a data set in which the last people are the first ones."""
    program = dataset(
        image=SECOND + image if faulty else ALONE, people=PEOPLE, shape=(1, 64, 64), phantom=False, heads=True
    )
    place.add("planted", program)
    return refusal(lambda: place.prepare("planted"), "look like scans of")


def _copied(place: Sandbox, faulty: bool) -> str:
    """What happens to scans that are equal to the last bit."""
    image = SECOND + TWICE["copied"] if faulty else ALONE
    place.add("planted", dataset(image=image, people=PEOPLE, shape=(1, 64, 64), phantom=False, heads=True))
    prepared = place.prepare("planted")
    united = len(prepared.ids) - len(set(prepared.groups))
    return f"{united} groups were united with that of their copy, so no split divides them" if united else ""


def _fault(name: str, planted: str, kind: str) -> PlantedFault:
    return PlantedFault(name, planted, CAUGHT, partial(_twice, TWICE[kind]))


def _twice(image: str, place: Sandbox, faulty: bool) -> str:
    return _prepared(place, image, faulty)


FAULTS = (
    _fault("two_names", "Eight people were scanned twice, and their second scans have other names.", "a second scan"),
    _fault("augmented_copies", "Eight scans are there again, shifted, with other contrast and noise.", "augmented"),
    _fault("mirrored_twin", "Eight scans are there again, mirrored.", "mirrored"),
    _fault("resized_twin", "Eight scans are there again, made smaller and larger again.", "resized"),
    _fault("slices_of_one_head", "Neighbouring slices of eight heads have names of different people.", "slices"),
    PlantedFault("exact_copies", "Eight files are copies of others under other names.", CAUGHT, _copied),
)
