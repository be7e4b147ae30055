"""Converts weight files of other projects to the names and layout used here."""
