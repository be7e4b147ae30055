"""Fixtures of the examples."""

from tests.support.fixtures import photo_folders  # noqa: F401
