"""Scores and the evaluation report."""
