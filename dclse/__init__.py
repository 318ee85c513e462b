"""DCL-SE (arXiv 2511.15151): a dynamic image, a compact 2D network, a dynamic group mechanism.

`architecture` is the network as a table, `dgm` and `blocks` are its parts, `network` is the backbone, `method` the
plug-in of the benchmark.
"""

from dclse.method import Dclse as METHOD  # noqa: N814

__all__ = ["METHOD"]
