"""The functions of an export, which run on TensorFlow alone."""
