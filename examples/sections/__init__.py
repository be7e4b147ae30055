"""The sections of the demo's page, each from the files of some steps."""
