"""A prepared data set: where it lies, what it holds, and its arrays as memory maps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import paths, registry
from bench.core import PROTOCOL, DataSpec, HaltError, Task, digest, plain
from bench.disk import seal
from bench.rows import fault_of, opened

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
    parts: tuple[str, ...]  # of the publisher's own split: train, test, or empty
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
        try:
            return opened(self.folder / file, shape)
        except (OSError, ValueError) as error:
            raise DamagedError.of(self.folder, str(error), self.manifest) from error

    def verify(self, thorough: bool = False) -> None:
        """DamagedError where an array is not what was written. thorough: read them through, whatever they look like."""
        for file, checksum in self.manifest["arrays"].items():
            if fault := fault_of(self.folder / file, thorough, checksum):
                raise DamagedError.of(self.folder, fault, self.manifest)


class DamagedError(HaltError):
    """A prepared folder that does not hold what was written into it."""

    reason = ""
    source: Path | None = None  # what it was prepared from, where that can still be read
    skipped = False  # whether broken scans were left out

    @classmethod
    def of(cls, folder: Path, reason: str, manifest: Mapping[str, Any] | None = None) -> DamagedError:
        """What to say of a folder."""
        manifest = manifest or {}
        scans = "" if manifest.get("phantom") else f" --from {manifest.get('source') or 'FOLDER'}"
        remedy = f"bench prepare {folder.name.rpartition('-')[0]}{scans} sets them aside and makes them anew"
        error = cls(f"the prepared data in {folder} are damaged ({reason}); {remedy}")
        source = manifest.get("source")
        error.reason, error.source = reason, Path(source) if source else None
        error.skipped = bool(manifest.get("broken"))
        return error


def folder_of(name: str, params: Mapping[str, Any] | None = None) -> Path:
    """Where the set lies once it is prepared: another version, parameter or protocol is another folder."""
    spec = registry.spec("datasets", name, params)
    mark = digest({"protocol": PROTOCOL, "name": name, "version": spec.version, "params": spec.params}, 12)
    return paths.data_root() / "prepared" / f"{name}-{mark}"


def fingerprint(name: str, params: Mapping[str, Any] | None = None) -> str | None:
    """The fingerprint of the prepared set, None where it is not prepared. Reads one small file."""
    manifest = _manifest(folder_of(name, params))
    return manifest["fingerprint"] if manifest else None


def open_prepared(name: str, params: Mapping[str, Any] | None = None) -> Prepared | None:
    """The prepared set, None where it is not prepared. DamagedError where its folder is damaged."""
    import numpy as np

    folder = folder_of(name, params)
    manifest = _manifest(folder)
    if manifest is None:
        return None
    try:
        text = (folder / INDEX).read_bytes()
    except OSError as error:
        raise DamagedError.of(folder, f"{INDEX} cannot be read: {error.strerror}", manifest) from error
    if hashlib.sha256(text).hexdigest() != manifest["index"]:
        raise DamagedError.of(folder, f"{INDEX} was changed after it was written", manifest)
    index = json.loads(text)
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
        **{key: tuple(index[key]) for key in ("ids", "groups", "strata", "sites", "parts")},
    )


def _manifest(folder: Path) -> dict[str, Any] | None:
    path = folder / MANIFEST
    try:
        entry = json.loads(path.read_bytes())
        whole = entry.pop("seal", None) == seal(entry)
    except FileNotFoundError:
        if folder.is_dir():
            raise DamagedError.of(folder, f"{MANIFEST} is missing") from None
        return None
    except (ValueError, OSError, AttributeError) as error:
        raise DamagedError.of(folder, f"{MANIFEST} cannot be read: {error}") from error
    if not whole:
        raise DamagedError.of(folder, f"{MANIFEST} was changed after it was written", entry)
    return entry
