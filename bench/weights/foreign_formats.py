"""Recognise what lies in the place of a file of weights: a link without content, a web page, an archive to unpack."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from bench.core import BenchError
from bench.core.unavailable_files import why_unavailable

_STARTS = (  # first bytes of a file -> what it is, and what to do
    (b"\x89HDF", "is an HDF5 file, as Keras writes it; save the network's tensors with PyTorch or safetensors"),
    (b"\x1f\x8b", "is compressed by gzip; decompress it first: gunzip"),
    (b"BZh", "is compressed by bzip2; decompress it first: bunzip2"),
    (b"\xfd7zXZ", "is compressed by xz; decompress it first: unxz"),
    (b"7z\xbc\xaf", "is a 7z archive; unpack it and give the file of weights in it"),
    (b"Rar!", "is a RAR archive; unpack it and give the file of weights in it"),
    (b"\x93NUMPY", "is an array of NumPy, not a network; save its tensors by name with safetensors"),
)
_PAGE = re.compile(rb"\s*<(!doctype|html|head|body|\?xml|!--)", re.IGNORECASE)
_TAR = 257, b"ustar"  # where a TAR archive has its mark


def check_present(path: Path) -> None:
    """Check that a file of weights is here and is not something else.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    BenchError
        If there is no such file, it is empty, its content has not been fetched, or it is known to be of another kind;
        the message says what to do.
    """
    if reason := why_unavailable(path):
        raise BenchError(f"{path} {reason}")
    if path.is_dir():
        raise BenchError(f"{path} is a folder; give the file of weights in it")
    if not path.is_file():
        raise BenchError(f"no file {path} to read weights from")
    with path.open("rb") as file:
        start = file.read(512)
    if reason := _other_format(path, start):
        raise BenchError(f"{path} {reason}")


def check_archive(path: Path) -> None:
    """Check the checksums of a ZIP archive, which PyTorch does not read.

    Parameters
    ----------
    path : Path
        A file; any other than a ZIP archive passes.

    Raises
    ------
    BenchError
        If a part of the archive is damaged.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise BenchError(f"{path} is damaged: {error}; download or copy it again") from error
    if damaged is not None:
        raise BenchError(
            f"{path} is damaged: the content of {Path(damaged).name!r} does not have the checksum that the archive"
            " states; download or copy it again"
        )


def _other_format(path: Path, start: bytes) -> str | None:
    """What a file is that holds no weights; None if it may hold them."""
    if not start:
        return "is empty; download or copy it again"
    if start[8:9] == b"{":  # the header of safetensors; the eight bytes before it are its length
        return None
    if _PAGE.match(start.removeprefix(b"\xef\xbb\xbf")):
        return "is a web page, not weights; open its address in a browser: the site may ask you to log in or to agree"
    for begin, words in _STARTS:
        if start.startswith(begin):
            return words
    at, mark = _TAR
    if start[at : at + len(mark)] == mark:
        return "is a TAR archive; unpack it and give the file of weights in it"
    return _other_archive(path) if start.startswith(b"PK") else None


def _other_archive(path: Path) -> str | None:
    """What a ZIP archive holds, if PyTorch has not written it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None
    if any(name.endswith(("/data.pkl", "/constants.pkl", "/version")) for name in names):
        return None
    if names and all(name.endswith(".npy") for name in names):
        return "holds arrays of NumPy, not a network; save them by name with safetensors"
    holds = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"is a ZIP archive of other files ({holds or 'none'}); unpack it and give the file of weights in it"
