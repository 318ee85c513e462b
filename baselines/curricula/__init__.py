"""Curricula, one file each with CURRICULUM in it, usable with any method."""
