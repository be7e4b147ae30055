"""The commands of `keras-lpips`: a configuration and a function each."""
