"""Which contrast tells what the others do not: the difficulty of generating each contrast from each other one.

For a source i and a target j, A_ij = z(PSNR_ij) + z(SSIM_ij), where z is over all pairs of different contrasts: the
higher, the easier. The totipotency of a contrast is the mean of A over what is generated from it; its differentiation
score is minus the mean of A over what it is generated from. So a contrast with a high differentiation score is hard to
generate from the others: it tells what they do not.

Source: Han et al., Medical Image Analysis 2023, arXiv 2302.00517. Their A has a third term, the LPIPS, which needs
weights of a network that are not published with it; it is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class PairScores:
    """Scores of generated images, one for each scan and pair of contrasts, (N,) each."""

    source: np.ndarray  # positions of the contrasts
    target: np.ndarray
    psnr: np.ndarray
    ssim: np.ndarray
    people: np.ndarray

    def of(self, rows: np.ndarray) -> PairScores:
        """Some of the samples.

        Parameters
        ----------
        rows : ndarray of shape (M,)
            Their positions.

        Returns
        -------
        PairScores
        """
        return PairScores(*(each[rows] for each in (self.source, self.target, self.psnr, self.ssim, self.people)))


def joined(parts: Sequence[PairScores]) -> PairScores:
    """The samples of several parts, one after another.

    Parameters
    ----------
    parts : sequence of PairScores

    Returns
    -------
    PairScores
    """
    names = ("source", "target", "psnr", "ssim", "people")
    return PairScores(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def pair_means(values: np.ndarray, scores: PairScores, contrasts: int) -> np.ndarray:
    """The mean of a value over the scans of every pair of contrasts.

    Parameters
    ----------
    values : ndarray of shape (N,)
    scores : PairScores
        Of the same samples.
    contrasts : int
        Number of contrasts K.

    Returns
    -------
    ndarray of shape (K, K)
        Source by target; NaN on the diagonal and where there is no sample.
    """
    code = scores.source * contrasts + scores.target
    sums = np.bincount(code, weights=values, minlength=contrasts**2)
    counts = np.bincount(code, minlength=contrasts**2)
    means = np.where(counts, sums / np.maximum(counts, 1), np.nan).reshape(contrasts, contrasts)
    means[np.eye(contrasts, dtype=bool)] = np.nan
    return means


def ease(psnr: np.ndarray, ssim: np.ndarray) -> np.ndarray:
    """How easy each contrast is generated from each other one: z(PSNR) + z(SSIM).

    Parameters
    ----------
    psnr, ssim : ndarray of shape (K, K)
        Means over scans, source by target. The diagonal is not used.

    Returns
    -------
    ndarray of shape (K, K)
        NaN on the diagonal. A measure that is equal for all pairs adds 0.
    """
    return _standardised(psnr) + _standardised(ssim)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Values as z over all pairs of different contrasts."""
    others = np.where(np.eye(len(values), dtype=bool), np.nan, values)
    spread = np.nanstd(others)
    return (others - np.nanmean(others)) / (spread if spread > 1e-12 else 1.0)


def totipotency(easy: np.ndarray) -> np.ndarray:
    """How well the others are generated from each contrast, C_t.

    Parameters
    ----------
    easy : ndarray of shape (K, K)
        Of `ease`.

    Returns
    -------
    ndarray of shape (K,)
    """
    return np.nanmean(easy, axis=1)


def differentiation(easy: np.ndarray) -> np.ndarray:
    """How hard each contrast is to generate from the others, C_d.

    Parameters
    ----------
    easy : ndarray of shape (K, K)
        Of `ease`.

    Returns
    -------
    ndarray of shape (K,)
    """
    return -np.nanmean(easy, axis=0)


def ease_of(scores: PairScores, contrasts: int) -> np.ndarray:
    """`ease` of every pair of contrasts, from the scores of samples.

    Parameters
    ----------
    scores : PairScores
    contrasts : int
        Number of contrasts K.

    Returns
    -------
    ndarray of shape (K, K)
    """
    return ease(*(pair_means(each, scores, contrasts) for each in (scores.psnr, scores.ssim)))


def scores_of(scores: PairScores, contrasts: int) -> tuple[np.ndarray, np.ndarray]:
    """Differentiation and totipotency of every contrast, from the scores of samples.

    Parameters
    ----------
    scores : PairScores
    contrasts : int
        Number of contrasts K.

    Returns
    -------
    hard, easy : ndarray of shape (K,)
    """
    easy = ease_of(scores, contrasts)
    return differentiation(easy), totipotency(easy)


def interval(scores: PairScores, contrasts: int, draws: int = 1000, seed: int = 0) -> np.ndarray:
    """The 95 % percentile bootstrap interval of the differentiation scores, over people.

    Parameters
    ----------
    scores : PairScores
    contrasts : int
        Number of contrasts K.
    draws : int
        Resamples of the people.
    seed : int
        Of the resamples.

    Returns
    -------
    ndarray of shape (K, 2)
        Lower and upper limit; NaN with fewer than two people. Networks are not trained again, so that the spread over
        trainings is not in it.
    """
    people, numbers = np.unique(scores.people, return_inverse=True)
    if len(people) < 2:
        return np.full((contrasts, 2), np.nan)
    rows = [np.flatnonzero(numbers == number) for number in range(len(people))]
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(0, len(people), len(people)) for _ in range(draws))
    found = [scores_of(scores.of(np.concatenate([rows[one] for one in each])), contrasts)[0] for each in drawn]
    return np.nanpercentile(found, (2.5, 97.5), axis=0).T
