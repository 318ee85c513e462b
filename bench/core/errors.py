"""Errors that a user can act on. The command line prints them in one line, without a traceback."""

from __future__ import annotations


class BenchError(Exception):
    """A wrong name, option, study or file.

    The class itself is for errors that occur before any training.

    Attributes
    ----------
    status : int
        Exit status of the command: 2.
    """

    status = 2

    def _render_traceback_(self) -> list[str]:
        """The lines that a notebook shows: the message alone, without the frames of this package."""
        return [f"{type(self).__name__}: {self}"]


class RunAbortedError(BenchError):
    """A correct command had to stop, for example because of broken scans, a full disk or a missing folder.

    Finished trials are saved.

    Attributes
    ----------
    status : int
        Exit status of the command: 1.
    """

    status = 1


class UnpreparedDataError(BenchError):
    """A study cannot run, because a data set of it is not prepared. What it could show can still be planned."""


class UnsupportedInputSizeError(BenchError):
    """A network cannot read scans of this size.

    If a method raises it while a trial builds its network, that trial alone is refused.
    """


MisfitError = UnsupportedInputSizeError  # the name of older plug-ins
