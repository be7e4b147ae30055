"""Published weights: heads, backbones, their downloads and checks."""
