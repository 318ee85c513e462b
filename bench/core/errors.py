"""Errors that a person can act on. The command line prints them in one line, without a traceback."""

from __future__ import annotations


class BenchError(Exception):
    """A wrong name, option, study or file. `status` is the exit status of the command.

    The class itself is for what is wrong before anything is trained.
    """

    status = 2


class RunAbortedError(BenchError):
    """A correct command had to stop: broken scans, a full disk, a missing folder. Finished trials are kept."""

    status = 1


class UnsupportedInputSizeError(BenchError):
    """A network cannot read scans of this size. Raised while a trial builds it, it refuses that trial alone."""


MisfitError = UnsupportedInputSizeError  # the name of older plug-ins
