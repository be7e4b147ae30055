"""The parts of `pipelines.score`."""
