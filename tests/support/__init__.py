"""Helpers that tests of several folders use; tests import no other test."""
