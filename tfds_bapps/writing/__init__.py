"""Writing the shards of the dataset."""
