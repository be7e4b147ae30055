"""Folder layout of BAPPS: tasks, parts, subsets and roles.

The files of a triplet have one name and are in sibling folders:

    2afc/{train,val}/<subset>/{ref,p0,p1}/NNNNNN.png   judge/NNNNNN.npy
    jnd/val/<subset>/{p0,p1}/NNNNNN.png                same/NNNNNN.npy
"""

import re
from dataclasses import dataclass

PARTS = ("train", "val", "test")
PATCH_SUFFIX = ".png"
ANSWER_SUFFIX = ".npy"

_SPLIT_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Task:
    """A task of the dataset: a question that people answered.

    Attributes:
        folder: name of its folder on disk.
        patches: folders of the patches, in the order in which they are read.
        answer: folder of the answers.
        votes: judgements per triplet, by part ("BAPPS" table of the paper).
    """

    folder: str
    patches: tuple[str, ...]
    answer: str
    votes: dict[str, int]

    @property
    def roles(self) -> tuple[str, ...]:
        """All folders of a subset: the patches and the answer."""
        return (*self.patches, self.answer)


TWOAFC = Task("2afc", ("ref", "p0", "p1"), "judge", {"train": 2, "val": 5})
JND = Task("jnd", ("p0", "p1"), "same", {"val": 3})
TASKS = {task.folder: task for task in (TWOAFC, JND)}
ROLES = {role for task in TASKS.values() for role in task.roles}
ANSWERS = {task.answer for task in TASKS.values()}


@dataclass(frozen=True)
class Folder:
    """Task, part and subset of files; `None` where the path names none."""

    task: str | None
    part: str | None
    subset: str | None = None

    def __str__(self):
        """Returns the known names as a path."""
        words = (self.task, self.part, self.subset)
        return "/".join(word for word in words if word)


@dataclass(frozen=True)
class TripletFile:
    """One file of a triplet: the subset's folder, its role and its name."""

    folder: Folder
    role: str
    name: str


def parse_path(path: str, default: Folder) -> TripletFile | None:
    """Parses the path of a file.

    Args:
        path: path with "/" between its parts; the last three are the subset,
            the role and the file.
        default: task and part for paths that do not name theirs.

    Returns:
        The `TripletFile`, or `None` for a file that belongs to no triplet,
        such as a README or a hidden file.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if len(parts) < 3:
        return None
    *above, subset, role, file = parts
    suffix = file_suffix(role)
    if role not in ROLES or not file.endswith(suffix) or file.startswith("."):
        return None
    folder = parse_folders("/".join(above), default)
    return TripletFile(
        Folder(folder.task, folder.part, subset),
        role,
        file.removesuffix(suffix),
    )


def file_suffix(role: str) -> str:
    """Returns the suffix of a role's files."""
    return ANSWER_SUFFIX if role in ANSWERS else PATCH_SUFFIX


def parse_folders(path: str, default: Folder) -> Folder:
    """Returns the last task and the last part in the folders of `path`."""
    task, part = default.task, default.part
    for word in path.split("/"):
        task = word if word in TASKS else task
        part = word if word in PARTS else part
    return Folder(task, part)


def is_split_word(subset: str) -> bool:
    """Returns whether a subset's name is valid in a split's name."""
    return _SPLIT_WORD.fullmatch(subset) is not None


def split_name(part: str, subset: str) -> str:
    """Returns the name of a subset's split: "val" and "cnn" make "val_cnn"."""
    return f"{part}_{subset}"


def example_path(task: str) -> str:
    """Returns the pattern of a task's files, for messages."""
    folders = ",".join(TASKS[task].roles)
    return f"{task}/{{{','.join(PARTS)}}}/SUBSET/{{{folders}}}/NAME"
