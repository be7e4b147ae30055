"""The triplets of each split as sorted arrays: the only thing that grows.

A triplet takes its name's bytes and twelve bytes per file (eight for the
offset, four for the size): 54 bytes for a 2AFC triplet with a name of six
digits, 42 for a JND one. Triplets stand in the order of their names.
"""

from array import array
from dataclasses import dataclass

import numpy as np

from tfds_bapps.source import layout
from tfds_bapps.source.errors import PreparationError, Problem

MAX_FILE_BYTES = 64 << 20


@dataclass(frozen=True)
class Triplets:
    """The complete triplets of one split, or a run of them.

    Attributes:
        task: the folder of their task, "2afc" or "jnd".
        part: "train", "val" or "test".
        subset: name of the subset.
        path: the archive, or the subset's folder in a tree.
        in_archive: whether `path` is an archive.
        names: bytes, `(triplets,)`, ascending: file names without suffix.
        offsets: uint64, `(triplets, roles)`: where each file's bytes begin.
        sizes: uint32, `(triplets, roles)`: how many bytes each has.
    """

    task: str
    part: str
    subset: str
    path: str
    in_archive: bool
    names: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray

    @property
    def split(self) -> str:
        """Name of the split."""
        return layout.split_name(self.part, self.subset)

    @property
    def nbytes(self) -> int:
        """Bytes that the index takes in memory."""
        return self.names.nbytes + self.offsets.nbytes + self.sizes.nbytes

    def file(self, role: str, name: str) -> str:
        """Name of a file inside `path`, as far as messages need it."""
        file = f"{role}/{name}{layout.suffix_of(role)}"
        return f"{self.part}/{self.subset}/{file}" if self.in_archive else file

    def __len__(self):
        """How many triplets there are."""
        return len(self.names)

    def __getitem__(self, rows: slice) -> "Triplets":
        """A run of the triplets, with arrays of its own."""
        return Triplets(
            self.task,
            self.part,
            self.subset,
            self.path,
            self.in_archive,
            self.names[rows].copy(),
            self.offsets[rows].copy(),
            self.sizes[rows].copy(),
        )


class SubsetTable:
    """Collects the files of one subset in any order and joins them by name.

    Args:
        folder: where the subset stands.
        path: the archive, or the subset's folder in a tree.
        in_archive: whether `path` is an archive.
    """

    def __init__(self, folder: layout.Folder, path: str, in_archive: bool):
        self.folder = folder
        self.path = path
        self.in_archive = in_archive
        self._columns = {}

    @property
    def task(self) -> str:
        """The subset's task, by its folders' names or by what it holds."""
        if self.folder.task:
            return self.folder.task
        return "jnd" if "same" in self._columns else "2afc"

    def add(self, role: str, name: str, offset: int, size: int) -> None:
        """Adds one file."""
        column = self._columns.setdefault(role, _Column())
        column.names += name.encode() + b"/"
        column.offsets.append(offset)
        column.sizes.append(size)

    def join(self) -> tuple[Triplets, list[Problem]]:
        """The complete triplets, and what is missing, double or too large."""
        if self.folder.part is None:
            raise PreparationError(
                f"{self.path}: the subset {self.folder.subset!r} lies in none "
                f"of the folders {', '.join(layout.PARTS)}."
            )
        roles = layout.TASKS[self.task].roles
        columns = [
            self._columns.pop(role, _Column()).sorted() for role in roles
        ]
        every = np.unique(np.concatenate([column[0] for column in columns]))
        whole = np.ones(len(every), bool)
        problems = []
        rows = []
        for role, (names, _, sizes) in zip(roles, columns, strict=True):
            first = np.searchsorted(names, every, "left")
            count = np.searchsorted(names, every, "right") - first
            size = np.append(sizes, 0)[np.minimum(first, len(names))]
            faults = (
                (count == 0, "is missing"),
                (count > 1, "is there twice"),
                ((count == 1) & (size > MAX_FILE_BYTES), "is too large"),
            )
            for wrong, reason in faults:
                whole &= ~wrong
                problems += [
                    self._problem(role, name, reason) for name in every[wrong]
                ]
            rows.append(first)
        offsets = np.empty((whole.sum(), len(roles)), np.uint64)
        sizes = np.empty((whole.sum(), len(roles)), np.uint32)
        for i, (_, column_offsets, column_sizes) in enumerate(columns):
            offsets[:, i] = column_offsets[rows[i][whole]]
            sizes[:, i] = column_sizes[rows[i][whole]]
        folder = self.folder
        triplets = Triplets(
            self.task,
            folder.part,
            folder.subset,
            self.path,
            self.in_archive,
            every[whole],
            offsets,
            sizes,
        )
        return triplets, problems

    def _problem(self, role, name, reason):
        name = name.decode()
        folder = self.folder
        split = layout.split_name(folder.part, folder.subset)
        file = f"{role}/{name}{layout.suffix_of(role)}"
        if self.in_archive:
            file = f"{folder.part}/{folder.subset}/{file}"
        return Problem(f"{split}/{name}", self.path, file, reason)


class _Column:
    """The files of one role, a few bytes for each."""

    def __init__(self):
        self.names = bytearray()
        self.offsets = array("Q")
        self.sizes = array("Q")

    def sorted(self):
        """Names, offsets and sizes as arrays in the order of the names."""
        names = np.array(bytes(self.names).split(b"/")[:-1], bytes)
        order = np.argsort(names, kind="stable")
        offsets = np.frombuffer(self.offsets, np.uint64)
        sizes = np.frombuffer(self.sizes, np.uint64)
        return names[order], offsets[order], sizes[order]
