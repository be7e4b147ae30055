"""The functions that an export contains."""
