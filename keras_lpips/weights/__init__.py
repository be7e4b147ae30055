"""Where the numbers come from: heads, trunks, their sources and checks."""
