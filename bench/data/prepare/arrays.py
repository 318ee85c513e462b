"""The arrays of a set: images and masks of the scans, row by row, in the order of the scans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.prepare.journal import JournalEntry
from bench.data.prepared import IMAGES, MASKS
from bench.storage.array_file import NpyWriter

if TYPE_CHECKING:
    import numpy as np


class NeedsFloatError(Exception):
    """A scan needs float32, but the array file was started as uint8."""


class Arrays:
    """Writer of images.npy and masks.npy in a folder. A context manager; the files are complete after `close`."""

    def __init__(self, folder: Path, dtype: Any) -> None:
        self.folder, self.dtype, self.files = folder, dtype, {}

    def resume(self, before: Sequence[JournalEntry], shape: tuple[int, ...], mask_dtype: Any) -> list[JournalEntry]:
        """Keep the complete rows of an earlier process; returns the journal entries that remain valid."""
        usable = [entry for entry in before if not entry.fault]
        if not usable:
            return list(before)
        self.files[IMAGES] = NpyWriter(self.folder / IMAGES, shape, self.dtype, [entry.image for entry in usable])
        rows = self.files[IMAGES].rows
        if usable[0].mask:
            masks = NpyWriter(self.folder / MASKS, shape[1:], mask_dtype, [entry.mask for entry in usable])
            self.files[MASKS], rows = masks, min(rows, masks.rows)
        for file in self.files.values():
            file.truncate(rows)
        whole = {entry.id for entry in usable[:rows]}
        cut = next((at for at, entry in enumerate(before) if not entry.fault and entry.id not in whole), len(before))
        return list(before[:cut])

    def append(self, image: np.ndarray, mask: np.ndarray | None) -> tuple[str, str]:
        """Write a scan; returns the checksums of its image row and its mask row.

        ValueError if only some scans have masks; NeedsFloatError if uint8 cannot hold the image.
        """
        import numpy as np

        if self.files and (mask is not None) != (MASKS in self.files):
            raise ValueError(
                "has no mask, but other scans do" if mask is None else "has a mask, but other scans do not"
            )
        if not np.can_cast(image.dtype, self.dtype):
            raise NeedsFloatError
        checksum = self._append(IMAGES, image, self.dtype)
        checksums = checksum, "" if mask is None else self._append(MASKS, mask, mask.dtype)
        for file in self.files.values():
            file.flush()
        return checksums

    def close(self) -> dict[str, str]:
        """Finish the files; returns file name -> checksum of its content."""
        return {name: file.close() for name, file in sorted(self.files.items())}

    def _append(self, name: str, array: np.ndarray, dtype: Any) -> str:
        if name not in self.files:
            self.files[name] = NpyWriter(self.folder / name, array.shape, dtype)
        return self.files[name].append(array)

    def __enter__(self) -> Arrays:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.release()
