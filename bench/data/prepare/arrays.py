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
    """A scan that uint8 cannot hold came after the file was begun as uint8."""


class Arrays:
    """images.npy and masks.npy of a folder. Used in a `with`; whole after `close`."""

    def __init__(self, folder: Path, dtype: Any) -> None:
        self.folder, self.dtype, self.files = folder, dtype, {}

    def go_on(self, before: Sequence[JournalEntry], shape: tuple[int, ...], mask_dtype: Any) -> list[JournalEntry]:
        """Keep the rows of an earlier process as far as they are whole; returns the entries that hold."""
        kept = [entry for entry in before if not entry.fault]
        if not kept:
            return list(before)
        self.files[IMAGES] = NpyWriter(self.folder / IMAGES, shape, self.dtype, [entry.image for entry in kept])
        rows = self.files[IMAGES].rows
        if kept[0].mask:
            masks = NpyWriter(self.folder / MASKS, shape[1:], mask_dtype, [entry.mask for entry in kept])
            self.files[MASKS], rows = masks, min(rows, masks.rows)
        for file in self.files.values():
            file.keep(rows)
        whole = {entry.id for entry in kept[:rows]}
        cut = next((at for at, entry in enumerate(before) if not entry.fault and entry.id not in whole), len(before))
        return list(before[:cut])

    def append(self, image: np.ndarray, mask: np.ndarray | None) -> tuple[str, str]:
        """Write a scan; returns the checksums of its rows.

        ValueError where only some scans have masks; NeedsFloatError where uint8 is not enough.
        """
        import numpy as np

        if self.files and (mask is not None) != (MASKS in self.files):
            raise ValueError("has no mask, others have" if mask is None else "has a mask, others have none")
        if not np.can_cast(image.dtype, self.dtype):
            raise NeedsFloatError
        checksum = self._append(IMAGES, image, self.dtype)
        checksums = checksum, "" if mask is None else self._append(MASKS, mask, mask.dtype)
        for file in self.files.values():
            file.reach()
        return checksums

    def close(self) -> dict[str, str]:
        """Finish the files: name -> checksum of what it holds."""
        return {name: file.close() for name, file in sorted(self.files.items())}

    def _append(self, name: str, array: np.ndarray, dtype: Any) -> str:
        if name not in self.files:
            self.files[name] = NpyWriter(self.folder / name, array.shape, dtype)
        return self.files[name].append(array)

    def __enter__(self) -> Arrays:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():
            file.leave()
