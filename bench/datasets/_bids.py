"""The old address of `bench.data.readers.bids`, kept for plug-ins that import it."""

from bench.data.readers.bids import Row, scans

__all__ = ["Row", "scans"]
