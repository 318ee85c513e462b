"""Images and scans that are alike: found among many, against the comparison of all pairs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SLICES = 20  # of a head, each like its neighbours
LOWEST = 0.95  # correlation of images that are alike, as in the audit


def compared(sizes: Sequence[int]) -> list[tuple[int, dict[str, float]]]:
    """Seconds of the processor at each size; both ways have to find the same pairs."""
    rows = []
    for size in sizes:
        vectors, codes = _images(size), _codes(size)
        spent = {}
        spent["images alike, found"], found = _timed(lambda v=vectors: _found_images(v))
        spent["images alike, all pairs"], every = _timed(lambda v=vectors: _all_images(v))
        assert found ^ every <= _close(vectors, found ^ every), "other pairs than those of all products"
        spent["scans alike, found"], found = _timed(lambda c=codes: _found_scans(c))
        spent["scans alike, all pairs"], every = _timed(lambda c=codes: _all_scans(c))
        assert found <= every
        assert len(every - found) <= 0.01 * len(every)
        rows.append((size, spent))
    return rows


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    since = time.process_time()
    made = call()
    return time.process_time() - since, made


def _images(count: int) -> np.ndarray:
    """(count, pixels) slices that change from one end of a head to the other, standardised."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    from bench.data.audit.similarity import SIDE, standardise

    rng = np.random.default_rng(0)
    common, images = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 6), []
    while len(images) < count:
        ends = [3 * common + gaussian_filter(rng.normal(size=(SIDE, SIDE)), 3) for _ in range(2)]
        images += [(1 - at) * ends[0] + at * ends[1] for at in np.linspace(0, 1, SLICES)]
    every = np.stack(images[:count]) + 0.01 * rng.normal(size=(count, SIDE, SIDE))
    return standardise(every.reshape(count, -1))


def _found_images(vectors: np.ndarray) -> set[tuple[int, int]]:
    from bench.data.audit.near_images import near_pairs

    return set(map(tuple, near_pairs(vectors, LOWEST, mirrored=True)[0].tolist()))


def _all_images(vectors: np.ndarray) -> set[tuple[int, int]]:
    from bench.data.audit.similarity import correlation_strips

    return _reaching(correlation_strips(vectors, mirrored=True), LOWEST)


def _codes(count: int) -> Any:
    """Codes of scans of people, every hundredth of whom is there twice with a little noise."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    from bench.data.audit.person_codes import person_codes

    rng = np.random.default_rng(0)
    common = gaussian_filter(rng.normal(size=(20, 20, 20)), 3)
    own_shape = gaussian_filter(rng.normal(size=(count, 20, 20, 20)).astype(np.float32), (0, 1, 1, 1))
    scans = (common / common.std() + 0.3 * own_shape / own_shape.std()).astype(np.float32)
    scans[1::100] = scans[: len(scans[1::100]) * 100 : 100] + 0.01 * rng.normal(size=scans[1::100].shape)
    return person_codes(scans[:, None])


def _found_scans(codes: Any) -> set[tuple[int, int]]:
    from bench.data.audit.similar_pairs import similar_pairs

    return set(map(tuple, similar_pairs(codes.plain, codes.mirrored, codes.threshold)[0].tolist()))


def _all_scans(codes: Any) -> set[tuple[int, int]]:
    return _reaching(codes.strips(), codes.threshold)


def _reaching(strips: Any, least: float) -> set[tuple[int, int]]:
    """Pairs of strips of likenesses that reach a threshold."""
    import numpy as np

    found: set[tuple[int, int]] = set()
    for start, strip in strips:
        first, second = np.nonzero(strip >= least)
        later = second > first + start
        found.update(zip((first[later] + start).tolist(), second[later].tolist(), strict=True))
    return found


def _close(vectors: np.ndarray, pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the pairs that are within rounding of the threshold, as they are or in a mirror."""
    import numpy as np

    from bench.data.audit.similarity import MIRRORS, SIDE

    flips = [np.flip(vectors.reshape(-1, SIDE, SIDE), axes) for axes in ((), *MIRRORS)]
    best = {pair: max(float(flip[pair[0]].ravel() @ vectors[pair[1]]) for flip in flips) for pair in pairs}
    return {pair for pair, alike in best.items() if abs(alike - LOWEST) < 1e-4}
