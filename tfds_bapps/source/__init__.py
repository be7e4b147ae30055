"""Reading and validating the sources of BAPPS."""
