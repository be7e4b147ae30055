"""Conversion of foreign weight files to this package's names and layout."""
