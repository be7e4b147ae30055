"""Where the numbers come from: heads, backbones, their sources and checks."""
