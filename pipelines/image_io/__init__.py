"""Finds, reads and validates photographs and videos."""
