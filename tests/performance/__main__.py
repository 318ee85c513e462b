"""Runs the benchmarks: see the package."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as trials run; numpy reads it when it is imported
sys.path[0] = str(Path(__file__).resolve().parents[1])

from performance.command import main  # noqa: E402 (found by the lines above)

sys.exit(main(sys.argv[1:]))
