"""The process of a command: what a notebook, a container or a batch system sets must not stop or change it.

Standard streams that are closed, or whose encoding lacks a letter; warnings that are errors; the backend of a notebook;
a current folder that was deleted.
"""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
import warnings

from bench.core import RunAbortedError

SIMILAR = {
    "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{MINUS SIGN}": "-", "\N{NON-BREAKING HYPHEN}": "-",
    "\N{MULTIPLICATION SIGN}": "x", "\N{MIDDLE DOT}": "*", "\N{BULLET}": "*", "\N{PLUS-MINUS SIGN}": "+/-",
    "\N{LESS-THAN OR EQUAL TO}": "<=", "\N{GREATER-THAN OR EQUAL TO}": ">=", "\N{RIGHTWARDS ARROW}": "->",
    "\N{LEFT SINGLE QUOTATION MARK}": "'", "\N{RIGHT SINGLE QUOTATION MARK}": "'", "\N{ALMOST EQUAL TO}": "~",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"', "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
}  # fmt: skip
HANDLER = "bench.similar"  # the name of `_similar` among the handlers of encoding errors
NARROWEST = 40  # letters of a line, for tables
IGNORED = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)  # as Python does by itself


def shield_process() -> None:
    """Take away from this process, and from those it starts, what would stop the command.

    RunAbortedError if the current folder does not exist.
    """
    _open_streams()
    _print_everything()
    _no_warning_is_an_error()
    _enough_columns()
    os.environ["MPLBACKEND"] = "agg"  # figures are files; a notebook names a backend that may not be installed here
    try:
        os.getcwd()
    except OSError as error:
        raise RunAbortedError(
            "the current folder was deleted or cannot be read; change to another folder and run the same command again"
        ) from error


def _open_streams() -> None:
    """Open the null device in place of closed streams: another file would get their number, and what is printed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _print_everything() -> None:
    """Print a letter that the encoding of a stream lacks as a similar one, or as its number."""
    codecs.register_error(HANDLER, _similar)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=HANDLER)


def _similar(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter, end = error.object[error.start], error.start + 1
    if "\udc80" <= letter <= "\udcff":  # of a file's name: a byte that is no letter
        return bytes([ord(letter) - 0xDC00]), end
    plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return SIMILAR.get(letter) or plain or letter.encode("ascii", "backslashreplace").decode(), end


def _enough_columns() -> None:
    """Ignore a width of the terminal in $COLUMNS that holds no table."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) < NARROWEST:
        del os.environ["COLUMNS"]


def _no_warning_is_an_error() -> None:
    """Undo `PYTHONWARNINGS=error`: libraries warn as they are imported."""
    if not any(option.startswith("e") for option in sys.warnoptions):
        return
    sys.warnoptions.clear()
    os.environ.pop("PYTHONWARNINGS", None)
    warnings.resetwarnings()
    for category in IGNORED:
        warnings.simplefilter("ignore", category)
