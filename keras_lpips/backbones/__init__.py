"""Backbone networks as Keras functional graphs, and the registry of them."""
