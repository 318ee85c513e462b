"""How far the features of a person who was scanned at several sites agree over the sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEWEST = 3  # people of a test part with scans at two sites


@dataclass(frozen=True)
class FeatureAgreement:
    """Agreement of the features of people over sites.

    icc: median over features of the intraclass correlation, 1 if a person's scans give the same features, 0 if they are
    as different as those of two people. same_person: share of scans whose most similar scan of the other site is of the
    same person. chance: that share without any agreement.
    """

    icc: float
    same_person: float
    chance: float
    people: int


def feature_agreement(features: np.ndarray, people: Sequence[str], sites: Sequence[str]) -> FeatureAgreement | None:
    """Of the first scan of each person at the two sites that most people share; None with fewer than three of them.

    features: (N, F). people, sites: (N,). The correlation is ICC(1,1) of Shrout & Fleiss (1979); features that do not
    vary are left out.
    """
    pairs = _pairs(people, sites)
    if len(pairs) < FEWEST:
        return None
    chosen = np.stack([features[list(rows)] for rows in zip(*pairs, strict=True)])  # (2, P, F)
    spread = chosen.std(axis=(0, 1))
    varied = chosen[:, :, spread > 1e-6 * max(1e-12, float(spread.max()))]
    if not varied.shape[2]:
        return None
    between = 2 * varied.mean(axis=0).var(axis=0, ddof=1)
    within = ((varied[0] - varied[1]) ** 2).mean(axis=0) / 2
    icc = (between - within) / (between + within)
    scaled = (varied - varied.mean(axis=(0, 1))) / varied.std(axis=(0, 1))
    apart = np.linalg.norm(scaled[0][:, None] - scaled[1][None], axis=2)
    own = np.arange(len(pairs))
    found = np.concatenate([apart.argmin(axis=1) == own, apart.argmin(axis=0) == own])
    return FeatureAgreement(float(np.median(icc)), float(found.mean()), 1 / len(pairs), len(pairs))


def _pairs(people: Sequence[str], sites: Sequence[str]) -> list[tuple[int, int]]:
    """Rows of the first scans of each person at both sites of the pair of sites that most people share."""
    first: dict[str, dict[str, int]] = {}
    for row, (person, site) in enumerate(zip(people, sites, strict=True)):
        if site:
            first.setdefault(str(person), {}).setdefault(str(site), row)
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for rows in first.values():
        names = sorted(rows)
        for at, one in enumerate(names):
            for other in names[at + 1 :]:
                found.setdefault((one, other), []).append((rows[one], rows[other]))
    return max((found[names] for names in sorted(found)), key=len, default=[])
