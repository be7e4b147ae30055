"""Writes the shards of the dataset and the manifest beside them."""
