"""Distortions of patches: `(uint8 RGB, strength, generator) -> uint8 RGB`."""
