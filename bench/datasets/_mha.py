"""The old address of `bench.data.readers.metaimage`, kept for plug-ins that import it."""

from bench.data.readers.metaimage import read_mha

__all__ = ["read_mha"]
