"""Scores of metrics, and the reports and tables that show them."""
