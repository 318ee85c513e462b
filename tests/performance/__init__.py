"""How fast the harness is, against plain code that does the same work: `python tests/performance --out FOLDER`.

A measurement is a ratio of two pieces of code that take turns in one process, so that a busy machine slows both.
Seconds are reported only if the limit is in seconds. Scans come from BENCH_TEST_DATA; what needs them is skipped
without it.
"""
