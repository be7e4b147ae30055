"""The demo: every part of the project on photographs of scikit-image."""
