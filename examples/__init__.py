"""Four short example programs, and the demo."""
