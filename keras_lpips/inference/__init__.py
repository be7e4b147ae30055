"""Compiled inference on arrays, files, folders and videos."""
