"""Finds photographs and videos and validates them.

Files are identified by the digest of their bytes, not by name or path, so that
equal files give equal data. Of several files with equal pixels, one is used.
"""

import glob
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from etils import epath

from keras_lpips_cli.errors import UserError
from pipelines.execution import run_tasks
from pipelines.filesystems import fixed_part
from pipelines.image_io.photographs import (
    InvalidPhotographError,
    digest_pixels,
    read_file,
    read_photograph,
)
from pipelines.image_io.videos import read_video

PHOTOGRAPHS_PER_TASK = 64


@dataclass(frozen=True, order=True)
class Photograph:
    """A photograph, or a video, that can be used.

    Attributes:
        digest: sha256 of its file's bytes, in hexadecimal.
        name: the path below the folder that was given.
        path: the path of the file.
        frames: number of frames of a video; 0 for a photograph.
    """

    digest: str
    name: str
    path: str
    frames: int = 0


@dataclass(frozen=True)
class Survey:
    """The photographs and videos that were found.

    Attributes:
        usable: the valid ones, ordered by digest, without duplicates.
        rejected: reasons of rejection by name.
    """

    usable: tuple[Photograph, ...]
    rejected: dict[str, str]


def find_photographs(where: str) -> list[tuple[str, str]]:
    """Returns names and paths of the files of a folder, or of a pattern.

    Args:
        where: a folder, searched recursively, or a pattern of `glob`.

    Raises:
        UserError: there are none.
    """
    folder = epath.Path(where)
    if not folder.exists() and not glob.has_magic(where):
        raise UserError(f"{where}: there is no such folder.")
    if folder.is_dir():
        found = list(_walk(folder, ""))
    else:
        fixed = fixed_part(where)
        pattern = glob.escape(fixed) + where[len(fixed) :]
        paths = [
            path
            for path in glob.glob(pattern, recursive=True)
            if os.path.isfile(path)
        ]
        root = os.path.commonpath(map(os.path.dirname, paths)) if paths else ""
        found = [(os.path.relpath(path, root or "."), path) for path in paths]
    if not found:
        raise UserError(f"{where}: there are no files.")
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
    """A task that reads and validates photographs or videos.

    Attributes:
        report_path: the file whose existence marks it as done.
        files: names and paths.
        min_side: the least height and width in pixels.
        min_frames: the least frames of a video; 0 for photographs.
    """

    report_path: str
    files: tuple[tuple[str, str], ...]
    min_side: int
    min_frames: int


def survey_files(task: SurveyTask, _=None) -> dict:
    """Reads the files of a task.

    Returns:
        The report: digests of the files and of their pixels, frames, and
        reasons of rejection, by name.
    """
    digests, pixel_digests, frames, rejected = {}, {}, {}, {}
    for name, path in task.files:
        try:
            data = read_file(path)
            if task.min_frames:
                frames[name], pixel_digests[name] = read_video(
                    path, task.min_side, task.min_frames
                )
            else:
                photograph = read_photograph(data, task.min_side)
                pixel_digests[name] = digest_pixels(photograph)
            digests[name] = hashlib.sha256(data).hexdigest()
        except InvalidPhotographError as error:
            rejected[name] = str(error)
        except OSError as error:
            rejected[name] = f"cannot be read: {error.strerror or error}"
    return {
        "digests": digests,
        "pixel_digests": pixel_digests,
        "frames": frames,
        "rejected": rejected,
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
        folder: folder of the temporary reports.
        options: Beam's options.
        min_frames: the least frames of a video; 0 for photographs.
    """
    for leftover in folder.glob("survey-*"):
        leftover.unlink()
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
    found, rejected, pixel_digests = [], {}, {}
    for report in reports:
        rejected.update(report["rejected"])
        pixel_digests.update(report["pixel_digests"])
        found += [
            Photograph(digest, name, paths[name], report["frames"].get(name, 0))
            for name, digest in report["digests"].items()
        ]
    # The file with the least digest is kept, independently of names.
    kept: dict[str, Photograph] = {}
    for photograph in sorted(found):
        first = kept.setdefault(pixel_digests[photograph.name], photograph)
        if first is not photograph:
            rejected[photograph.name] = f"shows the same pixels as {first.name}"
    return Survey(tuple(kept.values()), dict(sorted(rejected.items())))
