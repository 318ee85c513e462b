"""List the image files of a BIDS folder, and choose one for each session."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.readers.nifti import ENDS
from bench.data.readers.omissions import omit

SESSION = re.compile(r"_(ses-[A-Za-z0-9]+)_")


@dataclass(frozen=True)
class BidsFile:
    """One image file with the person and session that its folders give."""

    path: Path
    subject: str  # sub-01
    session: str  # ses-01, or empty

    @property
    def is_misplaced(self) -> bool:
        """True if the name is that of another person or session than the folder."""
        named = SESSION.search(self.path.name)
        other = named and self.session and named[1] != self.session
        return bool(other) or not self.path.name.startswith(f"{self.subject}_")


def list_files(root: Path, suffix: str) -> list[BidsFile]:
    """Every volume `*_<suffix>` (`.nii.gz` etc.) in the anat folders under `root`; links without content too."""
    files = []
    for person in sorted(path for path in root.glob("sub-*") if path.is_dir()):
        for session in ("", *sessions_of(person)):
            anat = person / session / "anat"
            names = sorted(os.listdir(anat)) if anat.is_dir() else []
            ends = [name for end in ENDS for name in names if name.endswith(f"_{suffix}{end}")]
            files += [BidsFile(anat / name, person.name, session) for name in ends if not name.startswith(".")]
    return files


def sessions_of(person: Path) -> list[str]:
    """The session folders of a person, sorted."""
    return sorted(path.name for path in person.glob("ses-*") if path.is_dir())


def choose_file(files: Sequence[BidsFile], subject: str, session: str, root: Path, suffix: str) -> Path:
    """The first file by name of a session, in the order of ENDS; the expected path if there is none."""
    right = [file.path for file in files if not file.is_misplaced]
    stem = f"{subject}_{session}" if session else subject
    return right[0] if right else root / subject / session / "anat" / f"{stem}_{suffix}.nii.gz"


def omit_others(root: Path, files: Sequence[BidsFile], chosen: Collection[Path], suffix: str) -> None:
    """Record every file that is not chosen as left out, with the reason."""
    read = {path.parent: path for path in chosen}
    for file in files:
        if file.path in chosen:
            continue
        name = file.path.relative_to(root).as_posix()
        if file.is_misplaced:
            reason = "scans whose name does not fit their folder"
        elif file.path.parent in read:
            reason = f"{suffix} files of sessions that have several, of which the first by name is read"
            name = f"{name} (read: {read[file.path.parent].name})"
        else:
            reason = "scans without a row in the tables"
        omit(reason, name, file.path)
