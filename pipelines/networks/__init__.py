"""The paper's CNN-based distortions: a bank of small networks."""
