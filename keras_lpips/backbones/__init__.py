"""Backbone networks as Keras functional models, and their registry."""
