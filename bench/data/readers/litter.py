"""Files and folders that operating systems leave in data folders, such as `__MACOSX`. They hold no scans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

NAMES = {
    "__macosx",
    ".ds_store",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "$recycle.bin",
    "system volume information",
}


def is_litter(name: str) -> bool:
    """True for the name of such a file or folder."""
    return name.lower() in NAMES or name.startswith("._")


def is_passed_over(path: Path, root: Path) -> bool:
    """True if the path or a folder between it and `root` is litter or hidden."""
    return any(part.startswith(".") or is_litter(part) for part in path.relative_to(root).parts)


def find_files(root: Path, pattern: str) -> Iterator[Path]:
    """The paths under `root` at any depth that match the pattern, sorted; litter and hidden files are passed over."""
    return (path for path in sorted(root.rglob(pattern)) if not is_passed_over(path, root))
