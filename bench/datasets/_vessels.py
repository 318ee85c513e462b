"""Trees of brain arteries: anatomical trunks, and branches grown towards points to be supplied.

Two internal carotid arteries and the basilar artery come from below, and give the middle, anterior and posterior
cerebral and the superior cerebellar arteries. Branches grow by space colonisation (Runions, Lane & Prusinkiewicz,
Eurographics Workshop on Natural Phenomena 2007); radii follow Murray's law (PNAS 12, 1926): the cube of the radius
before a fork is the sum of the cubes after it. Communicating arteries close the circle of Willis and do not belong to
the trees. Positions are approximate, in millimetres in MNI space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

STEP, SATED, NOTICED = 2.0, 4.0, 45.0  # mm: segment length, distance that supplies a point, reach of attraction
STRAIGHT, WANDER = 0.9, 0.35  # weights of the current direction and of noise, relative to attraction
WOBBLE = 1.0  # millimetres: deviation of the trunks between people
CAROTID, BASILAR = (2.7, 0.2), (2.1, 0.2)  # millimetres: radius of the roots, mean and deviation
JOIN = 0.75  # millimetres: radius of the communicating arteries
_CAROTID = ((17, -6, -36), (15, -4, -27), (13, 6, -25), (14, 10, -20), (14, 4, -15), (15, 1, -12))
_MIDDLE = ((15, 1, -12), (25, 4, -10), (33, 3, -12), (37, -1, -7))
_ANTERIOR = ((15, 1, -12), (9, 7, -12), (3, 11, -11), (2.5, 18, -6), (2.5, 26, 2), (3, 27, 11), (3, 20, 21))
_BASILAR = ((0, -24, -38), (1, -19, -28), (0, -16, -19), (0, -15, -13))
_POSTERIOR = ((0, -15, -13), (6, -15, -12), (14, -22, -11), (19, -32, -8), (18, -44, -3))
_CEREBELLAR = ((0, -16, -18), (9, -20, -18), (17, -30, -18))
# targets of branches: lower and upper limit of x, y and z; and their number
WANTED = {
    "middle": ((31, -42, -14), (47, 28, 30), 55),
    "anterior": ((1, 8, -8), (7, 44, 34), 25),
    "posterior": ((6, -62, -12), (34, -28, 10), 28),
    "cerebellar": ((6, -50, -27), (30, -24, -17), 10),
}


@dataclass(eq=False)
class Tree:
    """Nodes in the order of growth, each with its parent; changed in place."""

    places: list[np.ndarray] = field(default_factory=list)  # (3,) millimetres
    parents: list[int] = field(default_factory=list)  # -1 at the root

    def add(self, place: np.ndarray, parent: int) -> int:
        """A new node; returns its number."""
        self.places.append(place)
        self.parents.append(parent)
        return len(self.places) - 1

    def leaves(self) -> np.ndarray:
        """(N,) number of ends beyond each node; an end counts itself."""
        import numpy as np

        beyond = np.zeros(len(self.parents), dtype=int)
        for node in range(len(self.parents) - 1, -1, -1):
            beyond[node] = max(beyond[node], 1)
            if self.parents[node] >= 0:
                beyond[self.parents[node]] += beyond[node]
        return beyond


@dataclass(frozen=True, eq=False)
class Vessels:
    """Straight pieces of arteries."""

    starts: np.ndarray  # (N, 3) millimetres
    ends: np.ndarray  # (N, 3)
    radii: np.ndarray  # (N,) millimetres
    twigs: np.ndarray  # (N,) number of the terminal branch of a piece, -1 for pieces before a fork
    trees: tuple[tuple[np.ndarray, np.ndarray], ...]  # parents and radii of the nodes of each tree

    def volumes(self) -> np.ndarray:
        """(N,) cubic millimetres."""
        import numpy as np

        return np.pi * self.radii**2 * np.linalg.norm(self.ends - self.starts, axis=1)


def grow(rng: np.random.Generator) -> Vessels:
    """The arteries of one person."""
    import numpy as np

    trees, corners = [], {}
    for side in (-1, 1):
        tree = Tree()
        neck = _trunk(tree, _CAROTID, side, -1, rng)
        for name, way in (("middle", _MIDDLE), ("anterior", _ANTERIOR)):
            path = _trunk(tree, way, side, neck[-1], rng)
            _branch(tree, path[len(path) // 2 :], name, side, rng)
            corners[name, side] = tree.places[path[len(path) // 4]]
        corners["carotid", side] = tree.places[neck[-2]]
        trees.append((tree, max(1.5, rng.normal(*CAROTID))))
    tree = Tree()
    neck = _trunk(tree, _BASILAR, 1, -1, rng)
    for side in (-1, 1):
        for name, way, at in (("posterior", _POSTERIOR, neck[-1]), ("cerebellar", _CEREBELLAR, neck[-4])):
            path = _trunk(tree, way, side, at, rng)
            _branch(tree, path[len(path) // 2 :], name, side, rng)
            corners[name, side] = tree.places[path[len(path) // 4]]
    trees.append((tree, max(1.2, rng.normal(*BASILAR))))
    joins = [(corners["anterior", -1], corners["anterior", 1])]
    joins += [(corners["carotid", side], corners["posterior", side]) for side in (-1, 1)]
    return _pieces(trees, np.array(joins))


def filled(vessels: Vessels, pieces: np.ndarray, low: Sequence[float], sizes: Sequence[int], mm: float) -> np.ndarray:
    """Brightness of the thickest pieces at each voxel's middle, 0 outside of all: `sizes`, float32.

    pieces: indices of the pieces to draw. low: centre of the first voxel in millimetres. Slow blood is dim: 0.55 in the
    thinnest, 1 from a radius of 1.5 mm on.
    """
    import numpy as np

    image = np.zeros(sizes, dtype=np.float32)
    axes = [start + mm * np.arange(size) for start, size in zip(low, sizes, strict=True)]
    for number in pieces:
        start, end, radius = vessels.starts[number], vessels.ends[number], vessels.radii[number]
        box = []
        for axis, one, other in zip(axes, start, end, strict=True):
            reach = (min(one, other) - radius, max(one, other) + radius)
            box.append(slice(*np.searchsorted(axis, reach)))
        near = image[tuple(box)]
        if near.size:
            offsets = [axis[part] - at for axis, part, at in zip(axes, box, start, strict=True)]
            inside = _squares(offsets, end - start) <= radius**2
            np.maximum(near, inside * np.float32(0.55 + 0.45 * min(1.0, radius / 1.5)), out=near)
    return image


def _squares(offsets: Sequence[np.ndarray], axis: np.ndarray) -> np.ndarray:
    """Squared distance of the points of a box, (x,), (y,), (z,) from its start, to a piece that runs along `axis`."""
    import numpy as np

    x, y, z = (part.reshape(shape) for part, shape in zip(offsets, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True))
    along = np.clip((x * axis[0] + y * axis[1] + z * axis[2]) / max(axis @ axis, 1e-9), 0, 1)
    return (x - along * axis[0]) ** 2 + (y - along * axis[1]) ** 2 + (z - along * axis[2]) ** 2


def _trunk(tree: Tree, way: Sequence[Sequence[float]], side: int, start: int, rng: np.random.Generator) -> list[int]:
    """Add a smooth path through the points `way`, with individual variation; returns its nodes."""
    import numpy as np
    from scipy.interpolate import make_interp_spline

    knots = np.array(way, dtype=float) * (side, 1, 1) + WOBBLE * rng.standard_normal((len(way), 3))
    if start >= 0:
        knots[0] = tree.places[start]
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    spline = make_interp_spline(lengths, knots, k=min(3, len(way) - 1))
    places = spline(np.linspace(0, lengths[-1], int(lengths[-1] / STEP) + 2))
    nodes = [start] if start >= 0 else [tree.add(places[0], -1)]
    for place in places[1:]:
        nodes.append(tree.add(place, nodes[-1]))
    return nodes


def _branch(tree: Tree, sources: Sequence[int], name: str, side: int, rng: np.random.Generator) -> None:
    """Grow from the sources until every point is supplied or none can be reached."""
    import numpy as np

    low, high, count = WANTED[name]
    wanting = rng.uniform(low, high, (count, 3)) * (side, 1, 1)
    alive = list(sources)
    for _ in range(60):
        places = np.array([tree.places[node] for node in alive])
        distances = np.linalg.norm(wanting[:, None] - places[None], axis=2)
        wanting, distances = (part[distances.min(axis=1) > SATED] for part in (wanting, distances))
        nearest = distances.argmin(axis=1)
        nearest[distances.min(axis=1, initial=np.inf) > NOTICED] = -1
        if not (nearest >= 0).any():
            return
        grown = [_grown(tree, alive[at], wanting[nearest == at], rng) for at in np.unique(nearest[nearest >= 0])]
        fresh = [(p, n) for p, n in grown if np.linalg.norm(places - p, axis=1).min() > STEP / 2]
        alive += [tree.add(place, node) for place, node in fresh]


def _grown(tree: Tree, node: int, pulling: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """The next position after a node that points attract, and the node."""
    import numpy as np

    here, before = tree.places[node], tree.places[max(0, tree.parents[node])]
    pull = pulling - here
    pull = (pull / np.linalg.norm(pull, axis=1, keepdims=True)).mean(axis=0)
    so_far = (here - before) / max(np.linalg.norm(here - before), 1e-9)
    way = pull + STRAIGHT * so_far + WANDER * rng.standard_normal(3)
    return here + STEP * way / max(np.linalg.norm(way), 1e-9), node


def _pieces(trees: Sequence[tuple[Tree, float]], joins: np.ndarray) -> Vessels:
    """All segments with their radii. joins: (K, 2, 3) both ends of the communicating arteries."""
    import numpy as np

    starts, ends, radii, twigs, kept, twig = [joins[:, 0]], [joins[:, 1]], [np.full(len(joins), JOIN)], [], [], 0
    twigs.append(np.full(len(joins), -1))
    for tree, root in trees:
        places, parents, leaves = np.array(tree.places), np.array(tree.parents), tree.leaves()
        radius = root * (leaves / leaves[0]) ** (1 / 3)
        numbers = np.full(len(leaves), -1)
        for node in np.flatnonzero(leaves == 1):
            before = numbers[parents[node]]
            numbers[node] = before if before >= 0 else twig
            twig += before < 0
        starts.append(places[parents[1:]])
        ends.append(places[1:])
        radii.append(radius[1:])
        twigs.append(numbers[1:])
        kept.append((parents, radius))
    return Vessels(*(np.concatenate(part) for part in (starts, ends, radii, twigs)), trees=tuple(kept))
