"""How a scan is shown to a network: the volume at a spacing, a slice, projections, the dynamic image.

Light to import: torch is imported where a view is computed. `VIEWS` has every kind by name.
"""

from bench.views.base import VIEWS, Image, View, effective
from bench.views.volume import Volume

__all__ = ["VIEWS", "Image", "View", "Volume", "effective"]
