"""Random generators seeded from keys."""

import hashlib

import numpy as np


def make_rng(*key: str | int) -> np.random.Generator:
    """Returns a NumPy generator that is seeded from the key.

    Args:
        *key: words and numbers: the seed, a photograph's digest, an index,
            and the purpose of the numbers.
    """
    text = "/".join(map(str, key))
    digest = hashlib.sha256(text.encode()).digest()
    key128 = int.from_bytes(digest[:16], "little")
    return np.random.Generator(np.random.Philox(key=key128))
