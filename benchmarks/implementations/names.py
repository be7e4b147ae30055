"""The names of the ways of computing a distance that are compared."""

OURS = "ours"
EAGER = "torch"
CHANNELS_LAST = "torch, channels_last"
COMPILED = "torch.compile"
COMPILED_CHANNELS_LAST = "torch.compile, channels_last"
CONVOLUTIONS = "our convolutions alone"
# What counts as torch at its best: the fastest of these.
BEST = (EAGER, CHANNELS_LAST, COMPILED, COMPILED_CHANNELS_LAST)
