"""Random numbers that depend on what is made, and on nothing else."""

import hashlib

import numpy as np


def generator_of(*key: str | int) -> np.random.Generator:
    """A generator that is equal wherever and whenever the key is equal.

    Args:
        *key: words and numbers: the seed, a photograph's digest, an index,
            and what the numbers are for.
    """
    text = "/".join(map(str, key))
    digest = hashlib.sha256(text.encode()).digest()
    key128 = int.from_bytes(digest[:16], "little")
    return np.random.Generator(np.random.Philox(key=key128))
