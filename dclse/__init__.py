"""DCL-SE (arXiv 2511.15151): a dynamic image, a compact 2D network, a dynamic group mechanism.

`layout` is the network as a table, `dgm` and `blocks` its parts, `network` the whole, `method` how it is trained.
"""

from dclse.method import Dclse as METHOD  # noqa: N814

__all__ = ["METHOD"]
