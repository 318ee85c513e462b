"""Raw scans to canonical arrays and an index, once: what everything after reads.

`prepare` makes the folder of a data set, `open_prepared` opens it, `fingerprint` says which data it holds. The folder
lies in `prepared/<name>-<digest of the parameters>/` of the data root: `images.npy` (N, *shape), `masks.npy` and
`truth.npy` where there are any, `index.json` with a value per scan, `manifest.json` with what was found, expected,
done and left out. It is written under another name and renamed when whole. No method is known here.
"""

from bench.data.prepare.pipeline import prepare
from bench.data.prepared import DamagedDataError, Prepared, fingerprint, open_prepared

__all__ = ["DamagedDataError", "Prepared", "fingerprint", "open_prepared", "prepare"]
