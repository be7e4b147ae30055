"""Clients of the REST and gRPC protocols."""
