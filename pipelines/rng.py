"""Random numbers that are seeded from keys, on any runner."""

import hashlib

import numpy as np


def generator_of(*key: str | int) -> np.random.Generator:
    """Returns a generator that depends on the key alone.

    Args:
        *key: words and numbers: the seed, a photograph's digest, an index,
            and the purpose of the numbers.
    """
    text = "/".join(map(str, key))
    digest = hashlib.sha256(text.encode()).digest()
    key128 = int.from_bytes(digest[:16], "little")
    return np.random.Generator(np.random.Philox(key=key128))
