"""Near-duplicates in a set of images: the parts of `pipelines.neighbours`."""
