"""Arms that were not trained here: how their trials, labels and families are marked."""

from __future__ import annotations

from bench.core.trial import Trial

OUTSIDE = "not trained here"  # in place of the name of a method; no file of a member can have this name
OUTSIDE_FAMILY = "outside"
_SUFFIX = f" ({OUTSIDE})"


def outside_label(name: str) -> str:
    """Label an arm whose predictions come from elsewhere.

    Parameters
    ----------
    name : str
        Name of what made the predictions.

    Returns
    -------
    str
        The name with the mark that every table and figure shows.
    """
    return name.removesuffix(_SUFFIX) + _SUFFIX


def is_outside_label(label: str) -> bool:
    """Tell whether a label is that of an arm from outside.

    Parameters
    ----------
    label : str
        Label of an arm.

    Returns
    -------
    bool
        True if it has the mark.
    """
    return label.endswith(_SUFFIX)


def is_outside(trial: Trial) -> bool:
    """Tell whether the predictions of a trial come from elsewhere.

    Parameters
    ----------
    trial : Trial
        The trial of a record.

    Returns
    -------
    bool
        True if nothing was trained for it here.
    """
    return trial.method.name == OUTSIDE
