"""Index of the triplets of each split, as arrays sorted by name.

A triplet needs the bytes of its name and 12 bytes per file (8 for the offset, 4
for the size): with names of six digits, 54 bytes for 2AFC and 42 for JND.
"""

from array import array
from dataclasses import dataclass, replace

import numpy as np

from tfds_bapps.source import layout
from tfds_bapps.source.errors import FileError, PreparationError

MAX_FILE_BYTES = 64 << 20


@dataclass(frozen=True)
class Triplets:
    """The complete triplets of one split, or consecutive ones of them.

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
        """The name of the split."""
        return layout.split_name(self.part, self.subset)

    @property
    def nbytes(self) -> int:
        """The bytes that the index takes in memory."""
        return self.names.nbytes + self.offsets.nbytes + self.sizes.nbytes

    def file(self, role: str, name: str) -> str:
        """Returns a file's name inside `path`, for messages."""
        file = f"{role}/{name}{layout.file_suffix(role)}"
        return f"{self.part}/{self.subset}/{file}" if self.in_archive else file

    def __len__(self):
        """Returns the number of triplets."""
        return len(self.names)

    def __getitem__(self, rows: slice) -> "Triplets":
        """Returns a copy of a slice of the triplets."""
        return replace(
            self,
            names=self.names[rows].copy(),
            offsets=self.offsets[rows].copy(),
            sizes=self.sizes[rows].copy(),
        )


class SubsetTable:
    """Collects the files of one subset in any order and joins them by name.

    Args:
        folder: task, part and name of the subset.
        path: the archive, or the subset's folder in a tree.
        in_archive: whether `path` is an archive.
    """

    def __init__(self, folder: layout.Folder, path: str, in_archive: bool):
        self.folder = folder
        self.path = path
        self.in_archive = in_archive
        self._columns: dict[str, _Column] = {}

    @property
    def task(self) -> str:
        """The subset's task, from its folders' names or from its roles."""
        if self.folder.task:
            return self.folder.task
        return "jnd" if "same" in self._columns else "2afc"

    def add(self, role: str, name: str, offset: int, size: int) -> None:
        """Adds one file."""
        column = self._columns.setdefault(role, _Column())
        column.names += name.encode() + b"/"
        column.offsets.append(offset)
        column.sizes.append(size)

    def join(self) -> tuple[Triplets, list[FileError]]:
        """Returns the complete triplets, and the errors of the others.

        Raises:
            PreparationError: no folder names the part of the subset.
        """
        part, subset = self.folder.part, self.folder.subset
        if part is None or subset is None:
            raise PreparationError(
                f"{self.path}: the subset {subset!r} is in none "
                f"of the folders {', '.join(layout.PARTS)}."
            )
        roles = layout.TASKS[self.task].roles
        columns = [
            self._columns.pop(role, _Column()).sorted() for role in roles
        ]
        every = np.unique(np.concatenate([column[0] for column in columns]))
        complete = np.ones(len(every), bool)
        errors = []
        rows = []
        for role, (names, _, sizes) in zip(roles, columns, strict=True):
            first = np.searchsorted(names, every, "left")
            count = np.searchsorted(names, every, "right") - first
            size = np.append(sizes, 0)[np.minimum(first, len(names))]
            checks = (
                (count == 0, "is missing"),
                (count > 1, "exists twice"),
                ((count == 1) & (size > MAX_FILE_BYTES), "is too large"),
            )
            for wrong, reason in checks:
                complete &= ~wrong
                errors += [
                    self._error(role, name, reason) for name in every[wrong]
                ]
            rows.append(first)
        offsets = np.empty((complete.sum(), len(roles)), np.uint64)
        sizes = np.empty((complete.sum(), len(roles)), np.uint32)
        for i, (_, column_offsets, column_sizes) in enumerate(columns):
            offsets[:, i] = column_offsets[rows[i][complete]]
            sizes[:, i] = column_sizes[rows[i][complete]]
        triplets = Triplets(
            *(self.task, part, subset, self.path, self.in_archive),
            *(every[complete], offsets, sizes),
        )
        return triplets, errors

    def _error(self, role, name, reason):
        name = name.decode()
        folder = self.folder
        split = layout.split_name(folder.part, folder.subset)
        file = f"{role}/{name}{layout.file_suffix(role)}"
        if self.in_archive:
            file = f"{folder.part}/{folder.subset}/{file}"
        return FileError(f"{split}/{name}", self.path, file, reason, split)


class _Column:
    """The files of one role, in a compact form."""

    def __init__(self):
        self.names = bytearray()
        self.offsets = array("Q")
        self.sizes = array("Q")

    def sorted(self):
        """Returns names, offsets and sizes as arrays, sorted by name."""
        names = np.array(bytes(self.names).split(b"/")[:-1], bytes)
        order = np.argsort(names, kind="stable")
        offsets = np.frombuffer(self.offsets, np.uint64)
        sizes = np.frombuffer(self.sizes, np.uint64)
        return names[order], offsets[order], sizes[order]
