"""The backbones as Keras graphs, and what is known of each of them."""
