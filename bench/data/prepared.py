"""A prepared data set: where it lies, what it holds, and its arrays as memory maps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.core import PROTOCOL, DataSpec, RunAbortedError, Task, digest, paths, plain
from bench.storage.array_file import fault_of, opened
from bench.storage.atomic_io import read_errors, read_sealed_json

if TYPE_CHECKING:
    import numpy as np

FORM = 2  # of the files of a prepared folder; not of what they hold, which is the protocol's
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

    def affine(self, row: int) -> np.ndarray:
        """(4, 4) from voxels to millimetres: as the file of the scan said, else about the middle of the grid."""
        import numpy as np

        placed = (self.manifest.get("affines") or [])[row : row + 1]
        found = np.eye(4)
        if placed and placed[0]:
            found[:3] = np.reshape(placed[0], (3, 4))
        else:
            found[:3, :3] = np.diag(self.spacing)
            found[:3, 3] = -np.array(self.spacing) * (np.array(self.shape[1:]) - 1) / 2
        return found

    def truth(self) -> np.ndarray | None:
        """(*spatial axes) in [0, 1]: where the signal of a phantom is; None where nobody knows."""
        return self._array(TRUTH, self.shape[1:]) if (self.folder / TRUTH).is_file() else None

    def _array(self, file: str, shape: tuple[int, ...]) -> np.ndarray:
        try:
            return opened(self.folder / file, shape)
        except ValueError as error:
            raise DamagedDataError.of(self.name, self.params, str(error), self.manifest) from error

    def verify(self, thorough: bool = False) -> None:
        """DamagedDataError where an array is not what was written. thorough: read them through, whatever they look
        like.
        """
        for file, checksum in self.manifest["arrays"].items():
            if fault := fault_of(self.folder / file, thorough, checksum):
                raise DamagedDataError.of(self.name, self.params, fault, self.manifest)


class DamagedDataError(RunAbortedError):
    """A prepared folder that does not hold what was written into it."""

    reason = ""
    source: Path | None = None  # what it was prepared from, where that can still be read
    skipped = False  # whether broken scans were left out

    @classmethod
    def of(
        cls, name: str, params: Mapping[str, Any] | None, reason: str, manifest: Mapping[str, Any] | None = None
    ) -> DamagedDataError:
        """What to say of a set."""
        manifest, made = manifest or {}, registry.make("datasets", name, params)
        source = manifest.get("source")
        usual = plain(type(made)())
        changed = [f" --set {key}={value}" for key, value in plain(made).items() if value != usual.get(key)]
        scans = "" if made.phantom else f" --from {source or 'FOLDER'}"
        remedy = f"bench prepare {name}{''.join(changed)}{scans} sets them aside and prepares them again"
        error = cls(f"the prepared data in {folder_of(name, params)} are damaged ({reason}); {remedy}")
        error.reason, error.source = reason, Path(source) if source else None
        error.skipped = bool(manifest.get("broken"))
        return error


def folder_of(name: str, params: Mapping[str, Any] | None = None) -> Path:
    """Where the set lies once it is prepared: another version, parameter, protocol or form is another folder."""
    spec = registry.spec("datasets", name, params)
    told = {"protocol": PROTOCOL, "form": FORM, "name": name, "version": spec.version, "params": spec.params}
    return paths.data_root() / "prepared" / f"{name}-{digest(told, 12)}"


def fingerprint(name: str, params: Mapping[str, Any] | None = None) -> str | None:
    """The fingerprint of the prepared set, None where it is not prepared. Reads one small file."""
    manifest = _manifest(name, params)
    return manifest["fingerprint"] if manifest else None


def column_of(column: str, name: str, params: Mapping[str, Any] | None = None) -> list[str]:
    """`site` or `part` of every scan: of the prepared set, else as a phantom that is not made yet lists them."""
    manifest = _manifest(name, params)
    if manifest is not None:
        return _index(name, params, manifest)[f"{column}s"]
    dataset = registry.make("datasets", name, params)
    return [getattr(sample, column) for sample in dataset.samples(None)] if dataset.phantom else []


def open_prepared(name: str, params: Mapping[str, Any] | None = None) -> Prepared | None:
    """The prepared set, None where it is not prepared. DamagedDataError where its folder is damaged."""
    import numpy as np

    manifest = _manifest(name, params)
    if manifest is None:
        return None
    index = _index(name, params, manifest)
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
        folder=folder_of(name, params),
        targets=np.array([np.nan if value is None else value for value in index["targets"]], dtype=np.float64),
        covariates=index["covariates"],
        manifest=manifest,
        **{key: tuple(index[key]) for key in ("ids", "groups", "strata", "sites", "parts")},
    )


def _manifest(name: str, params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    folder = folder_of(name, params)
    try:
        return read_sealed_json(folder / MANIFEST)
    except FileNotFoundError:
        if folder.is_dir():
            raise DamagedDataError.of(name, params, f"{MANIFEST} is missing") from None
        return None
    except ValueError as error:
        raise DamagedDataError.of(name, params, str(error)) from error


def _index(name: str, params: Mapping[str, Any] | None, manifest: Mapping[str, Any]) -> dict[str, Any]:
    path = folder_of(name, params) / INDEX
    try:
        with read_errors(path):
            text = path.read_bytes()
    except FileNotFoundError as error:
        raise DamagedDataError.of(name, params, f"{INDEX} is missing", manifest) from error
    if hashlib.sha256(text).hexdigest() != manifest["index"]:
        raise DamagedDataError.of(name, params, f"{INDEX} was changed after it was written", manifest)
    return json.loads(text)
