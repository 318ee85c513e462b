"""How well trained networks stand scans that are worse than those they learnt from: no retraining, kept weights alone.

`corruptions` disturbs a prepared scan, `networks` asks the trained networks of a study, `study` goes over all of them
and keeps what they said. What was kept is read, scored and summed up by `bench.report.tables.robustness_table`.
"""
