"""Training runs: loop, devices, checkpoints and the folder of a run."""
