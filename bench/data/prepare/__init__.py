"""Convert raw scans to arrays and an index, once per data set; training reads only the result.

`prepare` writes the folder of a data set, `open_prepared` opens it, `fingerprint` identifies the data in it. The
folder is `prepared/<name>-<digest of the parameters>/` in the data root. It holds `images.npy` (N, *shape), `masks.npy`
and `truth.npy` if the set has them, `index.json` with one value per scan, and `manifest.json` with counts, processing
steps and excluded scans. The folder is written under a temporary name and renamed when complete. Preparation does not
depend on any method.
"""

from bench.data.prepare.pipeline import prepare
from bench.data.prepared import DamagedDataError, Prepared, fingerprint, open_prepared

__all__ = ["DamagedDataError", "Prepared", "fingerprint", "open_prepared", "prepare"]
