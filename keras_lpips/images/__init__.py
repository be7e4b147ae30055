"""Reading and validating images."""
