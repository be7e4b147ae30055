"""Published weights: heads, backbones, downloads and validation."""
