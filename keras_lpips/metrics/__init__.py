"""Streaming metrics and scores against human judgements."""
