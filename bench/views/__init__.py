"""Views: transformations of a scan to a network's input: a coarser volume, slices, projections, dynamic images.

Torch is imported only when a view is computed. `VIEWS` maps the name of each kind to its class.
"""

from bench.views.base import PLANES, VIEWS, Image, View, effective
from bench.views.dynamic import Dynamic
from bench.views.projections import Entropy, Max, Mean
from bench.views.rank_pooling import dynamic_image, rank_pooling_weights
from bench.views.slices import Orthogonal, Slab, Slice
from bench.views.sliding import SlidingDynamic
from bench.views.volume import Volume

__all__ = [
    "PLANES",
    "VIEWS",
    "Dynamic",
    "Entropy",
    "Image",
    "Max",
    "Mean",
    "Orthogonal",
    "Slab",
    "Slice",
    "SlidingDynamic",
    "View",
    "Volume",
    "dynamic_image",
    "effective",
    "rank_pooling_weights",
]
