"""Arrays on disk, row by row: .npy files that know whether they are whole.

Beside `x.npy` lies `x.npy.seal`, with the checksum of what it holds and the size and time that the file had then. A
file that still has both is taken as it is; one that has not (copied, restored, changed) is read through once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.storage.atomic_io import flush, read_errors

if TYPE_CHECKING:
    import numpy as np


_SEEN: dict[Path, list] = {}  # files read through and found whole by this process: how they looked, their checksum


class NpyWriter:
    """A .npy file of rows of one shape and type, of which the number is known at the end."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any, before: Sequence[str] = ()) -> None:
        """before: checksums of rows that an earlier process wrote; those that are whole, up to the first that is not,
        are kept."""
        import numpy as np

        self.path, self.shape, self.dtype = path, tuple(shape), np.dtype(dtype)
        self.checksums: list[str] = []
        self._file = path.open("r+b" if before and path.is_file() else "w+b")
        self._header()
        self._start, size = self._file.tell(), self.dtype.itemsize * int(np.prod(self.shape))
        for checksum in before:
            if row_checksum(self._file.read(size)) != checksum:
                break
            self.checksums.append(checksum)
        self.keep(len(self.checksums))

    @property
    def rows(self) -> int:
        return len(self.checksums)

    def keep(self, rows: int) -> None:
        """Forget all rows but the first `rows`."""
        import numpy as np

        del self.checksums[rows:]
        self._file.seek(self._start + rows * self.dtype.itemsize * int(np.prod(self.shape)))
        self._file.truncate()

    def append(self, row: np.ndarray) -> str:
        """Write a row of the file's shape, brought to its type; returns its checksum."""
        import numpy as np

        if row.shape != self.shape:
            raise ValueError(f"a row of shape {row.shape} in a file of {self.shape}")
        content = np.ascontiguousarray(row, self.dtype)
        self._file.write(content.data)
        self.checksums.append(row_checksum(content))
        return self.checksums[-1]

    def reach(self) -> None:
        """Hand what was written to the system, so that it outlives this process."""
        self._file.flush()

    def close(self) -> str:
        """Write down how many rows there are and seal the file; returns the checksum of all of it."""
        self._file.seek(0)
        self._header()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        total = _total(self.checksums, self.shape, self.dtype)
        _seal(self.path, total)
        return total

    def leave(self) -> None:
        """Close the file, finished or not. What a full disk does not take any more is lost with it."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _header(self) -> None:
        """The header keeps its length whatever the number of rows: numpy leaves room for that to grow."""
        from numpy.lib import format as npy

        shape = (self.rows, *self.shape)
        npy.write_array_header_1_0(self._file, {"descr": self.dtype.str, "fortran_order": False, "shape": shape})


def row_checksum(content: Any) -> str:
    """SHA-256 of the bytes of a row."""
    return hashlib.sha256(content).hexdigest()


def opened(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The file as a read-only memory map of `shape`. ValueError where it is not there, or not what was written."""
    import numpy as np

    if fault := fault_of(path):
        raise ValueError(fault)
    with read_errors(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != tuple(shape):
        raise ValueError(f"{path.name} holds {array.shape}, not {tuple(shape)}")
    return array


def move(path: Path, to: Path) -> None:
    """Give a finished file its name; between the two renames it has none that counts."""
    _beside(to).unlink(missing_ok=True)
    path.replace(to)
    _beside(path).replace(_beside(to))


def fault_of(path: Path, thorough: bool = False, checksum: str = "") -> str:
    """What is wrong with a file, in words; empty where it is what was written.

    thorough: read it through even if it looks so. checksum: what it shall be, where somebody else knows.
    """
    try:
        with read_errors(path):
            sealed, looks = json.loads(_beside(path).read_text()), _looks(path)
        if checksum and sealed["checksum"] != checksum:
            return f"{path.name} is another file than was written"
        untouched = [sealed["size"], sealed["time"]] == looks
        if not thorough and (untouched or _SEEN.get(path) == [looks, sealed["checksum"]]):
            return ""
        with read_errors(path):
            found = checksum_of(path)
        if found != sealed["checksum"]:
            return f"{path.name} was changed after it was written"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (ValueError, EOFError, LookupError, TypeError) as error:
        return f"{path.name} cannot be read: {error}"
    _SEEN[path] = [looks, found]
    if not untouched:
        with contextlib.suppress(OSError):  # a folder that may only be read is read through each time
            _seal(path, sealed["checksum"])
    return ""


def checksum_of(path: Path) -> str:
    """The checksum of what a .npy file holds: of its rows, their number, shape and type."""
    import numpy as np

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    rows = (row_checksum(np.ascontiguousarray(row)) for row in array)
    return _total(list(rows), array.shape[1:], array.dtype)


def _total(rows: Sequence[str], shape: tuple[int, ...], dtype: np.dtype) -> str:
    return hashlib.sha256(repr((list(rows), tuple(shape), dtype.str)).encode()).hexdigest()


def _seal(path: Path, checksum: str) -> None:
    size, time = _looks(path)
    unfinished = _beside(path).with_name(f".{path.name}.seal-{os.getpid()}")
    unfinished.write_text(json.dumps({"checksum": checksum, "size": size, "time": time}))
    flush(unfinished)
    unfinished.replace(_beside(path))
    for left in path.parent.glob(f".{path.name}.seal-*"):  # of killed processes
        left.unlink(missing_ok=True)


def _looks(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.seal")
