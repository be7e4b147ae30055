"""Photographs and videos: found, read, and refused with a reason."""
