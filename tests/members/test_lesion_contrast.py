"""A trained network finds the contrast that alone shows a lesion hardest to generate, whoever is left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench import registry
from bench.core import Study
from bench.data.loader import Normaliser
from bench.data.modality_pairs import ModalityPart
from bench.evaluation import translation
from bench.evaluation.modality_importance import PairScores, scores_of
from bench.method import Batch

PEOPLE, FOLDS, STEPS, SCANS = 15, 3, 300, 24
LEVELS = range(7, 15)  # axial slices of 10 mm in the middle of the brain, which the lesions reach


@pytest.fixture(scope="module")
def study() -> Study:
    return registry.study("modality_importance")


@pytest.fixture(scope="module")
def slices(study):
    """Axial slices of the study's data (people x slices, contrasts, 19, 22), and the person of each."""
    (data,) = study.datasets
    made = registry.make("datasets", data.name, {**data.params, "subjects": PEOPLE})
    scans = np.stack([sample.read().image for sample in made.samples(None)])
    cut = np.stack([scans[..., level] for level in LEVELS], axis=1)
    return made.task, cut.reshape(-1, *cut.shape[2:]), np.repeat(np.arange(PEOPLE), len(LEVELS))


def learnt(method, task, part, shape, seed):
    """The network after STEPS steps of SCANS samples, with the learning rate on the course of the harness."""
    torch.manual_seed(seed)
    drawn, model = np.random.default_rng(seed), method.build(task, (2, *shape))
    descent = torch.optim.AdamW(model.parameters(), lr=method.lr, weight_decay=method.weight_decay)
    course = torch.optim.lr_scheduler.CosineAnnealingLR(descent, STEPS)
    for _ in range(STEPS):
        chosen = drawn.choice(len(part), SCANS, replace=False)
        losses = method.step(model, Batch(*part.take(chosen), torch.from_numpy(chosen), task))
        descent.zero_grad()
        losses.mean().backward()
        descent.step()
        course.step()
    return model.eval()


@pytest.mark.parametrize("fold", range(FOLDS))
def test_a_trained_network_ranks_the_contrast_with_the_lesion_first_in_every_fold(study, slices, fold):
    task, images, people = slices
    arm = study.arms["translation alone"]
    method = registry.make("methods", arm.method, arm.params)
    tested = people % FOLDS == fold
    rows = np.flatnonzero(~tested)
    normaliser = Normaliser.fit(images, rows)
    train, test = (
        ModalityPart(images, each, task.classes, None, normaliser, "cpu") for each in (rows, np.flatnonzero(tested))
    )
    model = learnt(method, task, train, images.shape[2:], fold)
    x, _ = test.take(np.arange(len(test)))
    with torch.no_grad():
        p = model(x).numpy()
    y = test.y[:]
    each = (measure(y, p, None) for measure in (translation.peak_signal_to_noise, translation.structural_similarity))
    hard, _ = scores_of(PairScores(test.source, test.target, *each, people[test.rows]), len(task.classes))
    assert task.classes[int(np.argmax(hard))] == "T1Gd"
