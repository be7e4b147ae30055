"""The demo: every part of the project on photographs of scikit-image."""

# Decimals of metrics in tables; others have four.
DIGITS = {"L2": 5, "PSNR": 2}
