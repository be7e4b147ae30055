"""This package against the reference implementation, `lpips` under torch."""
