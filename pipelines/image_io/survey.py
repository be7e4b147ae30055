"""Finds photographs and videos, and which of them can be used.

Each is known by the digest of its file's bytes, never by its name:
the same files give the same data wherever they lie. Of files that show the
same pixels one is used, so that no picture is known by two digests.
"""

import glob
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from etils import epath

from pipelines.execution import run_tasks
from pipelines.image_io.photographs import (
    BadPhotograph,
    digest_of,
    read_photograph,
)
from pipelines.image_io.videos import read_video
from tfds_bapps.source.errors import PreparationError

PHOTOGRAPHS_PER_TASK = 64


@dataclass(frozen=True, order=True)
class Photograph:
    """A photograph, or a video, that can be used.

    Attributes:
        digest: sha256 of its file's bytes, in hexadecimal.
        name: of the file, below the folder that was given.
        path: where it is read.
        frames: of a video; 0 for a photograph.
    """

    digest: str
    name: str
    path: str
    frames: int = 0


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        usable: what can be used, ordered by digest; no pixels twice.
        refused: reasons by the names of those that cannot be used.
    """

    usable: tuple[Photograph, ...]
    refused: dict[str, str]


def find_photographs(where: str) -> list[tuple[str, str]]:
    """Names and paths of all files of a folder, or that match a pattern.

    Args:
        where: a folder, which is searched with all below it, or a pattern
            of `glob`.

    Raises:
        PreparationError: there are none.
    """
    folder = epath.Path(where)
    if not folder.exists() and not glob.has_magic(where):
        raise PreparationError(f"{where}: there is no such folder.")
    if folder.is_dir():
        found = list(_walk(folder, ""))
    else:
        paths = [
            path
            for path in glob.glob(where, recursive=True)
            if os.path.isfile(path)
        ]
        root = os.path.commonpath(map(os.path.dirname, paths)) if paths else ""
        found = [(os.path.relpath(path, root or "."), path) for path in paths]
    if not found:
        raise PreparationError(f"{where}: there are no files.")
    return sorted(found)


def _walk(folder, above):
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, f"{above}{path.name}/")
        else:
            yield above + path.name, str(path)


@dataclass(frozen=True)
class SurveyTask:
    """Reads some photographs; its report says what they are.

    Attributes:
        report_path: the file of the report.
        files: names and paths.
        min_side: the least height and width in pixels.
        min_frames: of a video; 0 for photographs.
    """

    report_path: str
    files: tuple[tuple[str, str], ...]
    min_side: int
    min_frames: int


def survey_files(task: SurveyTask, _=None) -> dict:
    """Reads the files of a task.

    Returns:
        The report: digests of the files and of their pixels, frames, and
        reasons of refusal, by name.
    """
    digests, pixel_digests, frames, refused = {}, {}, {}, {}
    for name, path in task.files:
        try:
            data = epath.Path(path).read_bytes()
            if task.min_frames:
                frames[name], pixel_digests[name] = read_video(
                    path, task.min_side, task.min_frames
                )
            else:
                photograph = read_photograph(data, task.min_side)
                pixel_digests[name] = digest_of(photograph)
            digests[name] = hashlib.sha256(data).hexdigest()
        except BadPhotograph as error:
            refused[name] = str(error)
        except OSError as error:
            refused[name] = f"cannot be read: {error.strerror or error}"
    return {
        "digests": digests,
        "pixel_digests": pixel_digests,
        "frames": frames,
        "refused": refused,
    }


def survey(
    files: Sequence[tuple[str, str]],
    min_side: int,
    folder: epath.Path,
    options=None,
    min_frames: int = 0,
) -> Survey:
    """Reads all photographs, or all videos, once, with Beam.

    Args:
        files: names and paths.
        min_side: the least height and width in pixels.
        folder: for the reports, which are removed again.
        options: Beam's options.
        min_frames: the least frames of a video; 0 for photographs.
    """
    for left in folder.glob("survey-*"):
        left.unlink()
    tasks = [
        SurveyTask(
            str(folder / f"survey-{start:09}.json"),
            tuple(files[start : start + PHOTOGRAPHS_PER_TASK]),
            min_side,
            min_frames,
        )
        for start in range(0, len(files), PHOTOGRAPHS_PER_TASK)
    ]
    reports = run_tasks(tasks, survey_files, options)
    for task in tasks:
        epath.Path(task.report_path).unlink()
    paths = dict(files)
    found, refused, shown = [], {}, {}
    for report in reports:
        refused.update(report["refused"])
        shown.update(report["pixel_digests"])
        found += [
            Photograph(digest, name, paths[name], report["frames"].get(name, 0))
            for name, digest in report["digests"].items()
        ]
    # The one of least digest is kept, whatever the files' names.
    kept = {}
    for photograph in sorted(found):
        first = kept.setdefault(shown[photograph.name], photograph)
        if first is not photograph:
            refused[photograph.name] = f"shows the same pixels as {first.name}"
    return Survey(tuple(kept.values()), dict(sorted(refused.items())))
