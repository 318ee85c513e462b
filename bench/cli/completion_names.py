"""Names that a shell completes: studies, data sets, methods, arms are taken from the registry."""

from __future__ import annotations

import contextlib
import io

from bench import registry


def study_names(incomplete: str) -> list[str]:
    """Studies whose name begins so."""
    return _names("studies", incomplete)


def dataset_names(incomplete: str) -> list[str]:
    """Data sets whose name begins so."""
    return _names("datasets", incomplete)


def _names(kind: str, incomplete: str) -> list[str]:
    """Names of members that begin so; warnings about plug-ins would appear in the middle of what is typed."""
    with contextlib.redirect_stderr(io.StringIO()):
        return [name for name in registry.names(kind) if name.startswith(incomplete)]
