"""Benchmarks: programs that are run by hand and write their results."""
