"""Finding near-duplicates: the parts of `pipelines.find_duplicates`."""
