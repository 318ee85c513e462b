"""Read access to a prepared data set: its folder, its index, and its arrays as memory maps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.core import PROTOCOL, DataSpec, RunAbortedError, Task, digest, paths, plain, task_kind
from bench.data.prepare_command import prepare_command
from bench.storage.array_file import fault_of, memory_map
from bench.storage.atomic_io import read_errors, read_sealed_json

if TYPE_CHECKING:
    import numpy as np

FORM = 2  # version of the file format of a prepared folder; PROTOCOL is the version of the content
READING = 2  # raised if the readers give other voxels for the same files; sets of another reading are prepared again
SEARCH = 1  # raised if other scans are found alike; sets of another search are prepared again
MANIFEST, INDEX, IMAGES, MASKS, TRUTH = "manifest.json", "index.json", "images.npy", "masks.npy", "truth.npy"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set as methods receive it: N scans in a fixed order. A scan's position is its row in every array."""

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
    groups: tuple[str, ...]  # no split divides a group
    clusters: tuple[str, ...]  # groups, but those whose scans look like one person's are one cluster
    strata: tuple[str, ...]
    sites: tuple[str, ...]
    parts: tuple[str, ...]  # of the publisher's own split: train, test, or empty
    targets: np.ndarray  # (N,) float64: class indices or numbers; NaN where the target is a mask
    covariates: Mapping[str, list]  # column -> (N,) values, None where missing
    manifest: Mapping[str, Any]
    floor_covariates: tuple[str, ...] = ()  # columns that a method without a scan may read, and `site`
    sides_matter: bool = False  # whether exchanging left and right changes the target
    people: tuple[str, ...] = ()  # the person of each scan where groups are not people, as in registration

    @property
    def spec(self) -> DataSpec:
        """The data set as a trial names it."""
        return DataSpec(self.name, self.version, plain(self.params), self.fingerprint)

    def images(self) -> np.ndarray:
        """(N, *shape), uint8 or float32, as a read-only memory map."""
        return self._array(IMAGES, (len(self.ids), *self.shape))

    def masks(self) -> np.ndarray | None:
        """(N, *spatial axes) class indices, as a read-only memory map; None if the set has no masks."""
        has_masks = (self.folder / MASKS).is_file()
        return self._array(MASKS, (len(self.ids), *self.shape[1:])) if has_masks else None

    def affine(self, row: int) -> np.ndarray:
        """(4, 4) from voxels to millimetres: the affine of the scan's file, else centred on the grid."""
        import numpy as np

        placed = (self.manifest.get("affines") or [])[row : row + 1]
        affine = np.eye(4)
        if placed and placed[0]:
            affine[:3] = np.reshape(placed[0], (3, 4))
        else:
            affine[:3, :3] = np.diag(self.spacing)
            affine[:3, 3] = -np.array(self.spacing) * (np.array(self.shape[1:]) - 1) / 2
        return affine

    def truth(self) -> np.ndarray | None:
        """(*spatial axes) in [0, 1]: location of a phantom's signal; None for real scans."""
        return self._array(TRUTH, self.shape[1:]) if (self.folder / TRUTH).is_file() else None

    def _array(self, file: str, shape: tuple[int, ...]) -> np.ndarray:
        try:
            return memory_map(self.folder / file, shape)
        except ValueError as error:
            raise DamagedDataError.of(self.name, self.params, str(error), self.manifest) from error

    def verify(self, thorough: bool = False) -> None:
        """Raise DamagedDataError if an array differs from what was written. thorough: compare all checksums."""
        for file, checksum in self.manifest["arrays"].items():
            if fault := fault_of(self.folder / file, thorough, checksum):
                raise DamagedDataError.of(self.name, self.params, fault, self.manifest)


class DamagedDataError(RunAbortedError):
    """A prepared folder whose files are missing or differ from what was written."""

    reason = ""
    source: Path | None = None  # folder that the set was prepared from, if the manifest can be read
    skipped = False  # True if broken scans were excluded
    alike = ""  # how scans of different groups that look like one person's were treated
    outdated = False  # True if nothing is missing, but the files were read by an earlier version

    @classmethod
    def of(
        cls, name: str, params: Mapping[str, Any] | None, reason: str, manifest: Mapping[str, Any] | None = None
    ) -> DamagedDataError:
        """The error for a set, with the command that prepares it again. reason: the damage, in words."""
        manifest, dataset = manifest or {}, registry.make("datasets", name, params)
        source = manifest.get("source")
        command = prepare_command(name, plain(dataset), source or "FOLDER")
        error = cls(cls._message(folder_of(name, params), reason, command))
        error.reason, error.source = reason, Path(source) if source else None
        error.skipped, error.alike = bool(manifest.get("broken")), manifest.get("alike", {}).get("policy", "")
        return error

    @staticmethod
    def _message(folder: Path, reason: str, command: str) -> str:
        return f"the prepared data in {folder} are damaged ({reason}); {command} renames them and prepares them again"


class OutdatedDataError(DamagedDataError):
    """A prepared folder that would be another one now: its files were read by an earlier version, or the plug-in file
    of a phantom has changed."""

    outdated = True

    @staticmethod
    def _message(folder: Path, reason: str, command: str) -> str:
        return f"the prepared data in {folder} are out of date ({reason}); {command} prepares them again"


def folder_of(name: str, params: Mapping[str, Any] | None = None) -> Path:
    """Folder of the prepared set. It depends on name, version, parameters, protocol and file format."""
    spec = registry.spec("datasets", name, params)
    identity = {"protocol": PROTOCOL, "form": FORM, "name": name, "version": spec.version, "params": spec.params}
    return paths.data_root() / "prepared" / f"{name}-{digest(identity, 12)}"


def plugin_code(name: str) -> str:
    """Checksum of the plug-in file that defines a data set; empty for one that an installed package defines."""
    file = registry.plugin_file(registry.member("datasets", name))
    return registry.file_checksum(file) if file else ""


def fingerprint(name: str, params: Mapping[str, Any] | None = None) -> str | None:
    """The fingerprint of the prepared set, None if it is not prepared. Reads one small file."""
    manifest = _current_manifest(name, params)
    return manifest["fingerprint"] if manifest else None


def column_of(column: str, name: str, params: Mapping[str, Any] | None = None) -> list[str]:
    """`group`, `site` or `part` of every scan, from the prepared set; for an unprepared phantom, from its samples."""
    manifest = _current_manifest(name, params)
    if manifest is not None:
        return _index(name, params, manifest)[f"{column}s"]
    dataset = registry.make("datasets", name, params)
    return [getattr(sample, column) for sample in dataset.samples(None)] if dataset.phantom else []


def open_prepared(name: str, params: Mapping[str, Any] | None = None) -> Prepared | None:
    """The prepared set, None if it is not prepared. DamagedDataError if its folder is damaged."""
    manifest = _manifest(name, params)
    if manifest is None:
        return None
    import numpy as np

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
        sides_matter=dataset.sides_matter,
        floor_covariates=(names,) if isinstance(names := dataset.floor_covariates, str) else tuple(names),
        **_groups(dataset.task, index),
        **{key: tuple(index[key]) for key in ("ids", "strata", "sites", "parts")},
    )


def _groups(task: Task, index: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Groups and clusters; where a kind of task counts other units than people, these, and the people."""
    groups, clusters = tuple(index["groups"]), tuple(index.get("clusters", index["groups"]))
    if (units := task_kind(task.kind).units) is None:
        return {"groups": groups, "clusters": clusters}
    made = units(groups, clusters, index["sites"])
    return {"groups": made, "clusters": made, "people": clusters}


def _current_manifest(name: str, params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """As `_manifest`; None also for a phantom that is out of date, because it can always be made again."""
    try:
        return _manifest(name, params)
    except OutdatedDataError:
        if registry.member("datasets", name).phantom:
            return None
        raise


def _manifest(name: str, params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    folder = folder_of(name, params)
    try:
        manifest = read_sealed_json(folder / MANIFEST)
        if not manifest["phantom"] and manifest.get("reading", 1) != READING:
            reason = "files of scans were read by another version of bench"
            raise OutdatedDataError.of(name, params, reason, manifest)
        if manifest.get("alike", {}).get("search") != SEARCH:
            reason = "another version of bench searched them for scans that are alike"
            raise OutdatedDataError.of(name, params, reason, manifest)
        if manifest["phantom"] and manifest.get("code", "") != plugin_code(name):
            raise OutdatedDataError.of(name, params, f"the file of the data set {name} has changed", manifest)
        return manifest
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
