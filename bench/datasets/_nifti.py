"""The old address of `bench.data.readers.nifti`, kept for plug-ins that import it."""

from bench.data.readers.nifti import read_scan

__all__ = ["read_scan"]
