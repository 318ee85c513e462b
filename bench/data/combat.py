"""ComBat: remove differences between sites from features, by what the training scans alone show.

Johnson, Li & Rabinovic, Biostatistics 2007; for images Fortin et al., NeuroImage 2018. Each feature of a site has an
additive and a multiplicative deviation from the others; both are drawn towards the mean over features by empirical
Bayes. What covariates explain is kept. The parameters are fitted once and then applied to any scan of a known site.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

CHUNK = 2**22  # numbers at a time
FLAT = 1e-10  # variance, relative to the largest one, below which a feature is left as it is
CONVERGED = 1e-4  # relative change of the estimates of a site at which their iteration ends
ROUNDS = 500


@dataclass(frozen=True, eq=False)
class Combat:
    """The fitted parameters of P features, B sites and Q covariates."""

    sites: tuple[str, ...]
    mean: np.ndarray  # (P,), over the training scans
    slopes: np.ndarray  # (Q, P), of the covariates
    deviation: np.ndarray  # (P,), 0 for a feature that is left as it is
    shift: np.ndarray  # (B, P), additive deviation of each site, in units of `deviation`
    scale: np.ndarray  # (B, P), factor of the deviation of each site

    @classmethod
    def fit(cls, x: np.ndarray, sites: Sequence[str], covariates: np.ndarray) -> Combat:
        """Fit the parameters to N scans. ValueError with fewer than two sites, or a site of one scan.

        x: (N, P). sites: (N,). covariates: (N, Q), finite, with any scale; Q may be 0.
        """
        names, place, counts = np.unique(np.asarray(sites), return_inverse=True, return_counts=True)
        if len(names) < 2:
            raise ValueError("the training scans are of one site: there is no difference between sites to remove")
        if counts.min() < 2:
            raise ValueError(f"one training scan is of the site {names[counts.argmin()]}: its spread is unknown")
        member = np.eye(len(names))[place]
        design = np.concatenate([member, covariates], axis=1)
        parts = [_standardise(x[:, columns].astype(np.float64), design, counts) for columns in _chunks(x)]
        mean, slopes, deviation, shift, scale = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
        usable = deviation > np.sqrt(FLAT) * max(float(deviation.max()), 1e-300)
        deviation = np.where(usable, deviation, 0.0)
        priors = [_Prior.of(shift[site, usable], scale[site, usable]) for site in range(len(names))]
        made = cls(tuple(names.tolist()), mean, slopes, deviation, shift, scale)
        for site, prior in enumerate(priors):
            rows = np.flatnonzero(place == site)
            _shrink(made, site, x[rows], covariates[rows], prior)
        return made

    def apply(self, x: np.ndarray, sites: Sequence[str], covariates: np.ndarray) -> np.ndarray:
        """(N, P) float32: scans without the deviation of their site. ValueError if one was not fitted."""
        if unknown := sorted(set(sites) - set(self.sites)):
            raise ValueError(f"no training scan is of the site {', '.join(name or '(unknown)' for name in unknown)}")
        place = np.array([self.sites.index(site) for site in sites])
        result = np.array(x, dtype=np.float32)
        for columns in _chunks(x):
            usable = self.deviation[columns] > 0
            expected = self.mean[columns] + covariates @ self.slopes[:, columns]
            unit = np.where(usable, self.deviation[columns], 1.0)
            standard = (x[:, columns] - expected) / unit
            moved = (standard - self.shift[place, columns]) / np.sqrt(self.scale[place, columns])
            result[:, columns] = np.where(usable, moved * unit + expected, x[:, columns])
        return result


@dataclass(frozen=True)
class _Prior:
    """The normal law of the shifts of a site over features, and the inverse gamma law of its scales."""

    mean: float
    variance: float
    shape: float
    rate: float

    @classmethod
    def of(cls, shift: np.ndarray, scale: np.ndarray) -> _Prior:
        """By the method of moments; a variance of 0 leaves the mean alone."""
        if len(shift) < 2:
            return cls(float(shift.mean()) if len(shift) else 0.0, 0.0, 2.0, 1.0)
        middle, spread = float(scale.mean()), max(float(scale.var(ddof=1)), 1e-12)
        shape, rate = (2 * spread + middle**2) / spread, (middle * spread + middle**3) / spread
        return cls(float(shift.mean()), float(shift.var(ddof=1)), shape, rate)

    def posterior(self, x: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shift and scale of each feature, by turns until they change no more. x: (n, P) standardised scans."""
        count, average, squares = len(x), x.mean(axis=0), (x**2).sum(axis=0)
        first, scale = shift, np.maximum(scale, 1e-12)
        for _ in range(ROUNDS):
            new = (self.variance * count * first + scale * self.mean) / (self.variance * count + scale)
            spread = squares - 2 * count * new * average + count * new**2
            wider = (spread / 2 + self.rate) / (count / 2 + self.shape - 1)
            changes = np.abs(new - shift) / np.maximum(np.abs(shift), 1e-12), np.abs(wider - scale) / scale
            shift, scale = new, wider
            if max(float(change.max(initial=0.0)) for change in changes) < CONVERGED:
                break
        return shift, scale


def _shrink(made: Combat, site: int, x: np.ndarray, covariates: np.ndarray, prior: _Prior) -> None:
    """Replace the estimates of a site by those of empirical Bayes. x: (n, P) its scans."""
    for columns in _chunks(x):
        usable = made.deviation[columns] > 0
        unit = np.where(usable, made.deviation[columns], 1.0)
        standard = (x[:, columns] - made.mean[columns] - covariates @ made.slopes[:, columns]) / unit
        shift, scale = prior.posterior(standard, made.shift[site, columns], made.scale[site, columns])
        made.shift[site, columns] = np.where(usable, shift, 0.0)
        made.scale[site, columns] = np.where(usable, scale, 1.0)


def _standardise(x: np.ndarray, design: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean, slopes and deviation of features (N, p), and shift and scale of each site before shrinking."""
    sites = len(counts)
    weights = np.linalg.lstsq(design, x, rcond=None)[0]
    mean = counts @ weights[:sites] / counts.sum()
    deviation = np.sqrt(((x - design @ weights) ** 2).mean(axis=0))
    standard = (x - mean - design[:, sites:] @ weights[sites:]) / np.where(deviation > 0, deviation, 1.0)
    rows = [design[:, site] > 0 for site in range(sites)]
    shift = np.stack([standard[own].mean(axis=0) for own in rows])
    scale = np.stack([standard[own].var(axis=0, ddof=1) for own in rows])
    return mean, weights[sites:], deviation, shift, scale


def _chunks(x: np.ndarray) -> Iterator[slice]:
    """Columns in groups of at most CHUNK numbers."""
    width = max(1, CHUNK // max(1, len(x)))
    for start in range(0, x.shape[1], width):
        yield slice(start, min(start + width, x.shape[1]))
