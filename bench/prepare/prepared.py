"""A prepared data set: where it lies, what it holds, and its arrays as memory maps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import paths, registry
from bench.core import PROTOCOL, BenchError, DataSpec, Task, digest, plain

if TYPE_CHECKING:
    import numpy as np

MANIFEST, INDEX, IMAGES, MASKS, TRUTH = "manifest.json", "index.json", "images.npy", "masks.npy", "truth.npy"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set as methods are given it. N scans in a fixed order; a scan's position is its row everywhere."""

    name: str
    params: Mapping[str, Any]  # every parameter, defaults included
    version: int
    fingerprint: str  # of the arrays, the index and the files they came from
    phantom: bool
    task: Task
    shape: tuple[int, ...]  # of a scan: (C, D, H, W), or (C, H, W)
    spacing: tuple[float, ...]  # millimetres along the spatial axes
    folder: Path
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    strata: tuple[str, ...]
    sites: tuple[str, ...]
    targets: np.ndarray  # (N,) float64: class indices or numbers; NaN where the target is a mask
    covariates: Mapping[str, list]  # column -> (N,) values, None where missing
    manifest: Mapping[str, Any]

    @property
    def spec(self) -> DataSpec:
        """The data set as a trial names it."""
        return DataSpec(self.name, self.version, plain(self.params), self.fingerprint)

    def images(self) -> np.ndarray:
        """(N, *shape), uint8 or float32, as a read-only memory map."""
        return self._array(IMAGES, (len(self.ids), *self.shape))

    def masks(self) -> np.ndarray | None:
        """(N, *spatial axes) class indices, as a read-only memory map; None where the set has no masks."""
        there = (self.folder / MASKS).is_file()
        return self._array(MASKS, (len(self.ids), *self.shape[1:])) if there else None

    def truth(self) -> np.ndarray | None:
        """(*spatial axes) in [0, 1]: where the signal of a phantom is; None where nobody knows."""
        return self._array(TRUTH, self.shape[1:]) if (self.folder / TRUTH).is_file() else None

    def _array(self, file: str, shape: tuple[int, ...]) -> np.ndarray:
        import numpy as np

        try:
            array = np.load(self.folder / file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise _damaged(self.folder, f"{file} cannot be read: {error}") from error
        if array.shape != shape:
            raise _damaged(self.folder, f"{file} holds {array.shape}, not {shape}")
        return array


def folder_of(name: str, params: Mapping[str, Any] | None = None) -> Path:
    """Where the set lies once it is prepared: another version, parameter or protocol is another folder."""
    spec = registry.spec("datasets", name, params)
    mark = digest({"protocol": PROTOCOL, "name": name, "version": spec.version, "params": spec.params}, 12)
    return paths.data_root() / "prepared" / f"{name}-{mark}"


def fingerprint(name: str, params: Mapping[str, Any] | None = None) -> str | None:
    """The fingerprint of the prepared set, None where it is not prepared. Reads one small file."""
    manifest = _read(folder_of(name, params), MANIFEST)
    return manifest["fingerprint"] if manifest else None


def open_prepared(name: str, params: Mapping[str, Any] | None = None) -> Prepared | None:
    """The prepared set, None where it is not prepared. BenchError where its folder is damaged."""
    import numpy as np

    folder = folder_of(name, params)
    manifest = _read(folder, MANIFEST)
    if manifest is None:
        return None
    index = _read(folder, INDEX)
    if index is None:
        raise _damaged(folder, f"{INDEX} is missing")
    dataset = registry.make("datasets", name, params)
    return Prepared(
        name=name,
        params=plain(dataset),
        version=dataset.version,
        fingerprint=manifest["fingerprint"],
        phantom=dataset.phantom,
        task=dataset.task,
        shape=tuple(dataset.shape),
        spacing=tuple(dataset.spacing),
        folder=folder,
        targets=np.array([np.nan if value is None else value for value in index["targets"]], dtype=np.float64),
        covariates=index["covariates"],
        manifest=manifest,
        **{key: tuple(index[key]) for key in ("ids", "groups", "strata", "sites")},
    )


def _read(folder: Path, file: str) -> dict[str, Any] | None:
    try:
        return json.loads((folder / file).read_text())
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise _damaged(folder, f"{file} cannot be read: {error}") from error


def _damaged(folder: Path, reason: str) -> BenchError:
    return BenchError(f"the prepared data in {folder} are damaged ({reason}); remove that folder and prepare it again")
