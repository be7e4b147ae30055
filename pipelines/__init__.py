"""Beam programs; they run from a checkout as `python -m pipelines.NAME`."""
