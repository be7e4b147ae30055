"""Clients of TensorFlow Serving's REST and gRPC APIs."""
