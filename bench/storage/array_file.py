"""Arrays on disk, written row by row: .npy files with a checksum beside them.

Beside `x.npy` there is `x.npy.seal`, with the checksum of the rows and the size and time of the file when it was
sealed. A file with the same size and time is trusted; any other (copied, restored, changed) is read and checked once.
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


_CHECKED: dict[Path, list] = {}  # files that this process has read and checked: size and time, checksum


class NpyWriter:
    """Writes a .npy file of rows of one shape and type; the number of rows is known at the end."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any, before: Sequence[str] = ()) -> None:
        """before: checksums of rows that an earlier process wrote; rows stay up to the first that does not match."""
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
        self.truncate(len(self.checksums))

    @property
    def rows(self) -> int:
        return len(self.checksums)

    def truncate(self, rows: int) -> None:
        """Remove all rows but the first `rows`."""
        import numpy as np

        del self.checksums[rows:]
        self._file.seek(self._start + rows * self.dtype.itemsize * int(np.prod(self.shape)))
        self._file.truncate()

    def append(self, row: np.ndarray) -> str:
        """Write a row of the file's shape, converted to its type; returns its checksum."""
        import numpy as np

        if row.shape != self.shape:
            raise ValueError(f"a row has shape {row.shape}; the file has rows of shape {self.shape}")
        content = np.ascontiguousarray(row, self.dtype)
        self._file.write(content.data)
        self.checksums.append(row_checksum(content))
        return self.checksums[-1]

    def flush(self) -> None:
        """Flush the written rows to the system, so that they outlive this process."""
        self._file.flush()

    def close(self) -> str:
        """Write the number of rows into the header and seal the file; returns its checksum."""
        self._file.seek(0)
        self._header()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        total = _total(self.checksums, self.shape, self.dtype)
        _seal(self.path, total)
        return total

    def release(self) -> None:
        """Close the file, finished or not. Rows that a full disk cannot take are lost."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _header(self) -> None:
        """Write the header. Its length does not depend on the number of rows: numpy leaves room for it to grow."""
        from numpy.lib import format as npy

        shape = (self.rows, *self.shape)
        npy.write_array_header_1_0(self._file, {"descr": self.dtype.str, "fortran_order": False, "shape": shape})


def row_checksum(content: Any) -> str:
    """SHA-256 of the bytes of a row."""
    return hashlib.sha256(content).hexdigest()


def memory_map(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The file as a read-only memory map of `shape`. ValueError if it is missing or was changed."""
    import numpy as np

    if fault := fault_of(path):
        raise ValueError(fault)
    with read_errors(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != tuple(shape):
        raise ValueError(f"{path.name} has shape {array.shape}, not {tuple(shape)}")
    return array


def move(path: Path, to: Path) -> None:
    """Rename a finished file and its seal; between the two renames the file counts as missing."""
    _seal_path(to).unlink(missing_ok=True)
    path.replace(to)
    _seal_path(path).replace(_seal_path(to))


def fault_of(path: Path, thorough: bool = False, checksum: str = "") -> str:
    """What is wrong with a file, in words; empty if it is unchanged.

    thorough: read it even if its size and time are unchanged. checksum: the one expected, if the caller knows it.
    """
    try:
        with read_errors(path):
            sealed, state = json.loads(_seal_path(path).read_text("utf-8")), _size_and_time(path)
        if checksum and sealed["checksum"] != checksum:
            return f"{path.name} is not the file that was written"
        untouched = [sealed["size"], sealed["time"]] == state
        if not thorough and (untouched or _CHECKED.get(path) == [state, sealed["checksum"]]):
            return ""
        with read_errors(path):
            content = checksum_of(path)
        if content != sealed["checksum"]:
            return f"{path.name} was changed after it was written"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (ValueError, EOFError, LookupError, TypeError) as error:
        return f"{path.name} cannot be read: {error}"
    _CHECKED[path] = [state, content]
    if not untouched:
        with contextlib.suppress(OSError):  # a read-only folder: its files are checked again by each process
            _seal(path, sealed["checksum"])
    return ""


def checksum_of(path: Path) -> str:
    """The checksum of a .npy file: of its rows, their number, shape and type."""
    import numpy as np

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    rows = (row_checksum(np.ascontiguousarray(row)) for row in array)
    return _total(list(rows), array.shape[1:], array.dtype)


def _total(rows: Sequence[str], shape: tuple[int, ...], dtype: np.dtype) -> str:
    return hashlib.sha256(repr((list(rows), tuple(shape), dtype.str)).encode()).hexdigest()


def _seal(path: Path, checksum: str) -> None:
    size, time = _size_and_time(path)
    unfinished = _seal_path(path).with_name(f".{path.name}.seal-{os.getpid()}")
    unfinished.write_text(json.dumps({"checksum": checksum, "size": size, "time": time}), encoding="utf-8")
    flush(unfinished)
    unfinished.replace(_seal_path(path))
    for left in path.parent.glob(f".{path.name}.seal-*"):  # of killed processes
        left.unlink(missing_ok=True)


def _size_and_time(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _seal_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.seal")
