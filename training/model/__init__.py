"""The trained model, its dropout and optimizer, and k-means weights."""
