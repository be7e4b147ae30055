"""Random access to the records of TFRecord files.

A shuffle through a buffer is no full shuffle and cannot go on in the middle.
With every record's place known, any order can be read from any position.
"""

import os
import struct
from pathlib import Path

import numpy as np

from training.data.dataset import DataError

# A record: length (8 bytes), its checksum (4), the data, its checksum (4).
LENGTH_BYTES, CHECKSUM_BYTES = 8, 4


class Records:
    """The records of several files, numbered one after another.

    Args:
        paths: TFRecord files on a disk, not compressed.
    """

    def __init__(self, paths):
        self._files, self._offsets, self._lengths = [], [], []
        self._descriptors = []
        for number, path in enumerate(paths):
            offsets, lengths = _index(Path(path))
            self._files.append(np.full(len(offsets), number))
            self._offsets.append(offsets)
            self._lengths.append(lengths)
            self._descriptors.append(os.open(path, os.O_RDONLY))
        self._files, self._offsets, self._lengths = (
            np.concatenate(x).astype(np.int64)
            for x in (self._files, self._offsets, self._lengths)
        )

    def __len__(self):
        """How many records there are."""
        return len(self._files)

    def read(self, indices) -> np.ndarray:
        """Returns the records of these numbers, an array of bytes."""
        return np.array(
            [
                os.pread(
                    self._descriptors[self._files[i]],
                    self._lengths[i],
                    self._offsets[i],
                )
                for i in indices
            ],
            object,
        )

    def __del__(self):
        """Closes the files."""
        for descriptor in self._descriptors:
            os.close(descriptor)


def _index(path):
    offsets, lengths = [], []
    size = path.stat().st_size
    with open(path, "rb") as file:
        at = 0
        while at < size:
            file.seek(at)
            head = file.read(LENGTH_BYTES)
            if len(head) < LENGTH_BYTES:
                raise DataError(f"{path} ends in the middle of a record")
            (length,) = struct.unpack("<Q", head)
            at += LENGTH_BYTES + CHECKSUM_BYTES
            offsets.append(at)
            lengths.append(length)
            at += length + CHECKSUM_BYTES
    if at != size:
        raise DataError(f"{path} ends in the middle of a record")
    return offsets, lengths
