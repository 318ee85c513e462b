"""Files on disk: written atomically, locked, with checksums. Knows no method and computes nothing."""
