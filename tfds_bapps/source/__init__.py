"""Finds, indexes, validates and converts the files of a BAPPS source."""
