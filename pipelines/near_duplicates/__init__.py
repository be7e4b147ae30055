"""The parts of `pipelines.find_duplicates`."""
