"""Worlds of simulated people: what they are like, what scans of them show, and how they are divided.

A world has people with features. Every arm sees features that all arms share and features of its own; where the effect
is 0 all arms are equally good. Sites have scanners of their own and classes of unequal frequency; masks are discs that
are seen better in some people than in others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from bench.evaluation.bootstrap import inflation
from bench.evaluation.metrics import metric
from bench.evaluation.score_intervals import fold_correlation

SIDE = 8  # pixels of a simulated mask along each axis
SHARED, OWN = 20, 30  # features that all arms see, and that each arm has for itself


@dataclass(frozen=True)
class World:
    """What is simulated. effect: added to the strength of the own features of all arms but the first, the reference."""

    name: str
    score: str = "auc"
    people: int = 198
    folds: int = 5
    partitions: int = 4
    seeds: int = 1
    arms: int = 2
    strength: float = 0.16
    effect: float = 0.0
    learner: str = "ridge"
    noise: float = 0.0  # of the weights of a training, in lengths of the weights
    failing: float = 0.0  # share of trainings that learn nothing
    shift: float = 0.0  # common error of all predictions of a training
    twice: float = 0.0  # share of people with more than one scan
    scans: int = 2  # of those people
    prevalence: float = 0.5  # of the second of two classes
    classes: int = 2
    external: int = 0  # people of another set, on whom all models are tested
    sites: tuple[float, ...] = ()  # shares of the people of each site, which is left out once
    nested: bool = False  # whether nested cross-validation is compared, which trains three times as much
    cost: float = 1.0  # studies of the larger run are divided by it

    @property
    def kind(self) -> str:
        """The kind of task."""
        return metric(self.score).kind

    @property
    def numeric(self) -> bool:
        """Whether a number is predicted."""
        return self.kind == "regression"

    @property
    def parts(self) -> int:
        """Folds of each partition."""
        return len(self.sites) or self.folds

    @property
    def train(self) -> float:
        """Mean number of people of a training part."""
        return 0.8 * self.people * (self.parts - 1) / self.parts

    @property
    def ratio(self) -> float:
        """Size of a test part of the set that is learnt from over that of a training part."""
        return self.people / self.parts / self.train

    @property
    def sharing(self) -> float:
        """The allowance for shared training parts, as reports compute it."""
        if self.external:
            return 1.0
        return inflation(self.parts, fold_correlation(self.parts, self.train, self.people / self.parts))


@dataclass(frozen=True)
class Population:
    """The people of a study. person, y: targets by person and by scan; x: features by arm and scan."""

    groups: np.ndarray
    person: np.ndarray
    y: np.ndarray
    x: list[np.ndarray]
    site: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))


def population(world: World, rng: np.random.Generator) -> tuple[Population, Population | None]:
    """The people who are learnt from, and those of another set if there is one."""
    number = world.people + world.external
    site = rng.permutation(_sized(world.sites, number)) if world.sites else np.zeros(0, dtype=int)
    person = _targets(world, number, site, rng)
    groups = np.arange(number)
    more = rng.choice(groups, round(world.twice * number), replace=False)
    groups = np.concatenate([groups, np.repeat(more, world.scans - 1)])
    y = person[groups]
    if world.kind == "segmentation":
        y, x = _masks(world, groups, rng)
    else:
        x = _features(world, y, groups, site, rng)
    inside = groups < world.people
    known = Population(groups[inside], person[: world.people], y[inside], [each[inside] for each in x], site)
    if not world.external:
        return known, None
    return known, Population(groups[~inside], person, y[~inside], [each[~inside] for each in x])


def _sized(shares: tuple[float, ...], number: int) -> np.ndarray:
    """(number,) sites of the given shares."""
    ends = np.round(np.cumsum(shares) / sum(shares) * number).astype(int)
    return np.searchsorted(ends, np.arange(number), side="right")


def _targets(world: World, number: int, site: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(number,) the target of each person; the second class is more frequent at some sites than at others."""
    if world.kind != "classification":
        return rng.standard_normal(number)
    if world.classes > 2:
        return (rng.permutation(number) % world.classes).astype(float)
    if len(site):
        shares = rng.uniform(0.3, 0.7, len(world.sites))
        y = rng.random(number) < shares[site]
        for each in np.unique(site):  # a site with one class defines no score
            y[np.flatnonzero(site == each)[:4]] = [False, True, False, True]
        return y.astype(float)
    return (rng.permutation(number) < round(world.prevalence * number)).astype(float)


def _features(
    world: World, y: np.ndarray, groups: np.ndarray, site: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    """For each arm (scans, 50): 20 features that all arms see and 30 of its own. Scanners shift those of a site."""
    people = int(groups.max()) + 1

    def block(count: int, strength: float) -> np.ndarray:
        person = rng.standard_normal((people, count))[groups]
        if world.twice:
            person = math.sqrt(0.7) * person + math.sqrt(0.3) * rng.standard_normal((len(groups), count))
        if len(site):
            person = person + 0.5 * rng.standard_normal((len(world.sites), count))[site[groups]]
        return person + strength * _signal(world, y, count)

    shared = block(SHARED, world.strength)
    strengths = [world.strength, *[world.strength * (1 + world.effect)] * (world.arms - 1)]
    return [np.hstack([shared, block(OWN, each)]) for each in strengths]


def _signal(world: World, y: np.ndarray, count: int) -> np.ndarray:
    """(scans, 1) or (scans, count) what the target adds to every feature; of several classes, one each in turn."""
    if world.numeric:
        return y[:, None]
    if world.classes == 2:
        return 2 * (y[:, None] - 0.5)
    return 2 * ((y[:, None] == np.arange(count) % world.classes) - 1 / world.classes)


def _masks(world: World, groups: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """Discs (scans, SIDE, SIDE), and for each arm the channels of each pixel (scans, SIDE, SIDE, 8)."""
    people = int(groups.max()) + 1
    middle, radius = rng.uniform(2, SIDE - 3, (people, 2))[groups], rng.uniform(1.2, 3, people)[groups]
    rows, columns = np.mgrid[:SIDE, :SIDE]
    away = (rows - middle[:, :1, None]) ** 2 + (columns - middle[:, 1:, None]) ** 2
    y = (away <= radius[:, None, None] ** 2).astype(int)

    def block(strength: float) -> np.ndarray:
        contrast = rng.uniform(0.3, 1.7, (people, 1, 1, 4))[groups]  # how well a person's disc is seen
        return strength * contrast * y[..., None] + rng.standard_normal((len(groups), SIDE, SIDE, 4))

    shared = block(world.strength)
    strengths = [world.strength, *[world.strength * (1 + world.effect)] * (world.arms - 1)]
    return y, [np.concatenate([shared, block(each)], axis=-1) for each in strengths]


def places(world: World, person: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(people,) fold in whose test part each person is, by strata."""
    strata = strata_of(world, person)
    place, first = np.empty(len(person), dtype=int), 0
    for stratum in np.unique(strata):
        who = rng.permutation(np.flatnonzero(strata == stratum))
        place[who] = (np.arange(len(who)) + first) % world.folds
        first += len(who)
    return place


def strata_of(world: World, person: np.ndarray) -> np.ndarray:
    return person.astype(int) if world.kind == "classification" else (person > np.median(person)).astype(int)
