"""Scoring pairs of images at scale: the parts of `pipelines.score`."""
