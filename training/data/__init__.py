"""Prepared datasets, batches of triplets, and precomputed vectors."""
