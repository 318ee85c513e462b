"""The arrays of a set on disk, written row by row: how many rows there are is known at the end."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.prepare.prepared import IMAGES, MASKS

if TYPE_CHECKING:
    import numpy as np


class NeedsFloatError(Exception):
    """A scan that uint8 cannot hold came after the file was begun as uint8."""


class Arrays:
    """images.npy and masks.npy of a folder. Used in a `with`; whole after `close`."""

    def __init__(self, folder: Path, dtype: Any) -> None:
        self.folder, self.dtype, self.files = folder, dtype, {}

    def append(self, image: np.ndarray, mask: np.ndarray | None) -> None:
        """Write a scan. ValueError where only some scans have masks; NeedsFloatError where uint8 is not enough."""
        import numpy as np

        if self.files and (mask is not None) != (MASKS in self.files):
            raise ValueError("has no mask, others have" if mask is None else "has a mask, others have none")
        if not np.can_cast(image.dtype, self.dtype):
            raise NeedsFloatError
        self._file(IMAGES, image, self.dtype).append(image)
        if mask is not None:
            self._file(MASKS, mask, mask.dtype).append(mask)

    def close(self) -> dict[str, str]:
        """Finish the files: name -> SHA-256 of what it holds."""
        return {name: file.close() for name, file in sorted(self.files.items())}

    def _file(self, name: str, array: np.ndarray, dtype: Any) -> RowFile:
        if name not in self.files:
            self.files[name] = RowFile(self.folder / name, array.shape, dtype)
        return self.files[name]

    def __enter__(self) -> Arrays:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.leave()


class RowFile:
    """A .npy file of rows of one shape and type."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any) -> None:
        import numpy as np

        self.shape, self.dtype, self.rows = shape, np.dtype(dtype), 0
        self._sha = hashlib.sha256()
        self._file = path.open("wb")
        self._header()

    def append(self, row: np.ndarray) -> None:
        """Write one row of the file's shape; it is brought to the file's type."""
        import numpy as np

        if row.shape != self.shape:
            raise ValueError(f"a row of shape {row.shape} in a file of {self.shape}")
        content = np.ascontiguousarray(row, self.dtype).data
        self._sha.update(content)
        self._file.write(content)
        self.rows += 1

    def close(self) -> str:
        """Write down how many rows there are; the SHA-256 of their bytes, number, shape and type."""
        self._file.seek(0)
        self._header()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._sha.update(repr((self.rows, self.shape, self.dtype.str)).encode())
        return self._sha.hexdigest()

    def leave(self) -> None:
        """Close the file, finished or not."""
        self._file.close()

    def _header(self) -> None:
        """The header keeps its length whatever the number of rows: numpy leaves room for that to grow."""
        from numpy.lib import format as npy

        shape = (self.rows, *self.shape)
        npy.write_array_header_1_0(self._file, {"descr": self.dtype.str, "fortran_order": False, "shape": shape})
