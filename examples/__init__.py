"""Four short programs to learn from, and the demo."""
