"""matplotlib, loaded whatever a notebook or a batch system has set for it.

Jupyter and Colab put their backend into $MPLBACKEND, and every process below inherits it, also one whose installation
lacks that backend: there matplotlib cannot be imported.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from bench.core import RunAbortedError

NAME, BACKEND = "matplotlib", "MPLBACKEND"


def load_matplotlib() -> Any:
    """The package matplotlib; with the backend for files if the one in the environment does not exist.

    RunAbortedError if it cannot be imported: a file `matplotlibrc` that is no text, a broken installation.
    """
    try:
        import matplotlib
    except Exception as error:  # a wrong setting has no class of its own
        return _load_with_agg(error)
    return matplotlib


def _load_with_agg(first: Exception) -> Any:
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:  # loaded in part
        del sys.modules[name]
    given = os.environ.get(BACKEND)
    os.environ[BACKEND] = "agg"
    try:
        import matplotlib
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise RunAbortedError(
            f"matplotlib cannot be imported: {reason}; correct the file matplotlibrc or the installation"
        ) from first
    finally:
        os.environ.pop(BACKEND)
        if given is not None:
            os.environ[BACKEND] = given
    return matplotlib
