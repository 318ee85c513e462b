"""Scores that do not mean what they seem to."""

from __future__ import annotations

from functools import partial

from bench.analysis.verify.planted_fault import CAUGHT, MISSED, PlantedFault, refusal
from bench.analysis.verify.planted_programs import dataset, study
from bench.analysis.verify.sandbox import Sandbox
from bench.core import Arm

METRIC = '''"""The share of wrong answers."""

import numpy as np
from bench.evaluation.metrics import Metric


def wrong(y, p, spacing):
    """1 where the most probable class is not the true one."""
    return (p.argmax(1) != y).astype(float)


METRIC = Metric("wrong_share", "Wrong answers", "classification", "{better}", "", 0, 1, each=wrong)
'''
CHOSEN = (
    "picked = np.random.default_rng(5).choice(256, 12, replace=False)\n"
    "flat = np.stack([np.random.default_rng(seed_of('scan', self.seed, n)).normal(1.0, 0.2, 256) for n in range(60)])\n"
    "classes = np.arange(60) % 2\n"
    "gap = flat[classes == 1].mean(0) - flat[classes == 0].mean(0)\n"
    "keep = np.abs(gap) >= np.sort(np.abs(gap))[-12]\n"
    "image = np.where(keep.reshape(1, 16, 16), image, 1.0)"
)
SPREAD = (
    "\nfrom scipy.ndimage import distance_transform_edt\n"
    "nearest = distance_transform_edt(~keep.reshape(1, 16, 16), return_distances=False, return_indices=True)\n"
    "image = image[tuple(nearest)] + 0.02 * (self._noise(at) - 1)"
)


def _wrong_sign(place: Sandbox, faulty: bool) -> str:
    """A metric of errors that is declared to be better where it is higher."""
    place.add("planted", dataset())
    place.add("wrong_share", METRIC.format(better="higher" if faulty else "lower"))
    return refusal(lambda: place.run(study({"constant": Arm("constant")})), "wrong_share", "wrong predictions")


def _voxels_chosen(image: str, place: Sandbox, faulty: bool) -> str:
    """Pixels that were chosen by their difference between the classes, over all scans, before the data are prepared."""
    from bench.data.audit.chosen_voxels import chosen_voxel_lines

    place.add("planted", dataset(image=image if faulty else "pass"))
    place.run(study({"linear": Arm("linear"), "constant": Arm("constant")}))
    (row,) = place.report().tables[0].frame("learning").to_dict("records")
    if faulty and row["verdict"] != "learnt":
        raise RuntimeError("the choice of pixels was planted and has no effect")
    return " ".join(f"bench audit: {line}" for line in chosen_voxel_lines(place.prepare("planted")))


FAULTS = (
    PlantedFault("metric_of_the_wrong_sign", "A metric of errors is declared to be better where it is higher.", CAUGHT,
                 _wrong_sign),
    PlantedFault("voxels_chosen_on_all_scans", "Voxels were chosen by class on all scans, before preparation.", CAUGHT,
                 partial(_voxels_chosen, CHOSEN), slow=True),
    PlantedFault("chosen_voxels_spread", "The same, and their values were spread over all others.", MISSED,
                 partial(_voxels_chosen, CHOSEN + SPREAD), "What happened before `bench prepare` and leaves no"
                 " trace is unknown to it. Choose and normalise inside a method: it is given the training part alone.",
                 slow=True),
)  # fmt: skip
