"""On a strong phantom with known deformations: doing nothing, an affine map, and deformations, in this order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench import registry
from bench.evaluation.metrics import metric
from bench.method import Batch

pytestmark = pytest.mark.slow


def people(mm: float, effect: float, count: int):
    made = registry.make("datasets", "phantom_pairs", {"mm": mm, "effect": effect, "subjects": count})
    scans = [sample.read() for sample in made.samples(None)]
    images = torch.from_numpy(np.stack([scan.image for scan in scans]).astype(np.float32))
    return made, scans, (images - images.mean()) / images.std()


def targets(made, scans, pairs):
    names = [sample.id for sample in made.samples(None)]
    return np.stack(
        [
            np.concatenate([[scans[one].mask, scans[other].mask], made.true_displacement(names[one], names[other])])
            for one, other in pairs
        ]
    ).astype(np.float32)


def test_deformable_optimisers_beat_affine_and_affine_beats_nothing_and_all_are_near_the_oracle():
    made, scans, images = people(8.0, 2.0, 4)
    pairs = [(0, 1), (1, 0), (2, 3)]
    y, x = targets(made, scans, pairs), torch.stack([torch.cat([images[one], images[other]]) for one, other in pairs])
    errors = {}
    for name in ("identity", "affine", "demons", "bspline"):
        p = registry.make("methods", name).build(made.task, (2, *made.shape[1:]))(x).numpy()
        errors[name] = metric("endpoint_error")(y, p, made.spacing)
        if name == "demons":
            assert metric("folded")(y, p) == 0
    assert max(errors["demons"], errors["bspline"]) < errors["affine"] < errors["identity"]
    assert max(errors["demons"], errors["bspline"]) < 1.5 * 8.0  # millimetres: the oracle has none


def learnt(method, made, images, count, steps, lr=1e-3):
    """The network after steps of two pairs of the first `count` people."""
    torch.manual_seed(0)
    drawn, model = np.random.default_rng(0), method.build(made.task, (2, *made.shape[1:]))
    descent = torch.optim.AdamW(model.parameters(), lr=lr)
    for _ in range(steps):
        chosen = [drawn.choice(count, 2, replace=False) for _ in range(2)]
        pairs = torch.stack([torch.cat([images[one], images[other]]) for one, other in chosen])
        losses = method.step(model, Batch(pairs, torch.zeros(2, 2), torch.arange(2), made.task))
        descent.zero_grad()
        losses.mean().backward()
        descent.step()
    return model.eval()


def test_a_network_learns_to_align_people_it_has_not_seen():
    made, scans, images = people(9.0, 1.5, 26)
    tested = [(24, 25), (25, 24)]
    y, x = targets(made, scans, tested), torch.stack([torch.cat([images[one], images[other]]) for one, other in tested])
    method = registry.make("methods", "voxelmorph", {"similarity": "pearson", "weight": 0.1})
    model = learnt(method, made, images, 24, 400)
    with torch.no_grad():
        p = model(x).numpy()
    identity = metric("endpoint_error")(y, np.zeros_like(p), made.spacing)
    assert metric("endpoint_error")(y, p, made.spacing) < min(0.85 * identity, 1.5 * 9.0)
    assert metric("region_dice")(y, p) > metric("region_dice")(y, np.zeros_like(p))
    assert metric("folded")(y, p) == 0


def test_a_network_with_an_affine_start_is_nearer_to_the_oracle_than_the_affine_map_without_folds():
    made, scans, images = people(9.0, 2.0, 12)
    tested = [(8, 9), (9, 8), (10, 11), (11, 10)]
    y, x = targets(made, scans, tested), torch.stack([torch.cat([images[one], images[other]]) for one, other in tested])
    network = registry.make("methods", "voxelmorph", {"similarity": "pearson", "weight": 0.05, "affine": True})
    model = learnt(network, made, images, 8, 200)
    with torch.no_grad():
        p = model(x).numpy()
        first = registry.make("methods", "affine").build(made.task, (2, *made.shape[1:]))(x).numpy()
    still = np.zeros_like(p)
    deformed, affine, identity = (metric("endpoint_error")(y, each, made.spacing) for each in (p, first, still))
    assert deformed < 0.96 * affine
    assert affine < 0.8 * identity
    assert deformed < 1.5 * 9.0  # millimetres: the oracle has none
    assert metric("folded")(y, p) == 0


def test_the_deforming_arms_of_the_study_are_near_the_oracle_below_affine_below_identity():
    """The oracle has an end-point error of 0 mm. The network is smaller than that of the study, to learn in seconds."""
    made, scans, images = people(12.0, 2.0, 12)
    tested = [(8, 9), (9, 8), (10, 11), (11, 10)]
    y, x = targets(made, scans, tested), torch.stack([torch.cat([images[one], images[other]]) for one, other in tested])
    arms, shape = registry.study("registration_curricula").arms, (2, *made.shape[1:])
    errors, folded = {}, {}
    for name in ("identity", "affine", "demons", "VoxelMorph after affine"):
        method = registry.make("methods", arms[name].method, arms[name].params)
        if method.solves:
            p = method.build(made.task, shape)(x).numpy()
        else:
            small = {**arms[name].params, "channels": (8, 16, 16, 16), "last": (8,)}
            method = registry.make("methods", arms[name].method, small)
            p = learnt(method, made, images, 8, 150, 2e-3)(x).detach().numpy()
        errors[name], folded[name] = metric("endpoint_error")(y, p, made.spacing), metric("folded")(y, p)
    deforming = [errors["demons"], errors["VoxelMorph after affine"]]
    assert max(deforming) < 0.97 * errors["affine"]
    assert errors["affine"] < 0.7 * errors["identity"]
    assert max(deforming) < 1.5 * made.spacing[0]
    assert set(folded.values()) == {0}


PEARSON = {"similarity": "pearson", "weight": 0.1}
STARTED = {
    "displacements": (
        "voxelmorph",
        {"diffeomorphic": False, "channels": (8, 16, 16, 16), "last": (8,), "affine": True},
    ),
    "cascade": ("recursive_cascade", {"width": 8, "affine": False, "solved": True}),
    "stem": ("recursive_cascade", {"width": 8, "solved": True}),
    "local": ("localnet", {"width": 8, "levels": (0, 1, 2), "affine": True}),
    "velocities": ("localnet", {"width": 8, "levels": (0, 1, 2), "affine": True, "diffeomorphic": True}),
}


@pytest.mark.parametrize("way", STARTED)
def test_every_network_after_an_affine_map_is_near_the_oracle_below_affine_below_identity(way):
    """The oracle has an end-point error of 0 mm."""
    made, scans, images = people(12.0, 2.0, 12)
    tested = [(8, 9), (9, 8), (10, 11), (11, 10)]
    y, x = targets(made, scans, tested), torch.stack([torch.cat([images[one], images[other]]) for one, other in tested])
    name, params = STARTED[way]
    network = registry.make("methods", name, {**PEARSON, **params})
    p = learnt(network, made, images, 8, 150, 2e-3)(x).detach().numpy()
    first = registry.make("methods", "affine").build(made.task, (2, *made.shape[1:]))(x).numpy()
    fields = (p, first, np.zeros_like(p))
    deformed, affine, identity = (metric("endpoint_error")(y, each, made.spacing) for each in fields)
    assert deformed < affine < 0.7 * identity
    assert deformed < 1.5 * made.spacing[0]
    if params.get("diffeomorphic"):
        assert metric("folded")(y, p) == 0
