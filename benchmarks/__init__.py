"""Measurements: programs that are run by hand and write what they found."""
