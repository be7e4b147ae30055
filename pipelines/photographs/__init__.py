"""Photographs of any source: found, read, and refused with a reason."""
