"""Chooses the sources of a preparation and downloads them if needed."""

from collections.abc import Callable

import tensorflow_datasets as tfds
from etils import epath

from tfds_bapps.source import archives, published
from tfds_bapps.source.errors import PreparationError


def find_or_download(
    where: epath.PathLike | None,
    task: str,
    is_selected: Callable[[str], bool],
    dl_manager: tfds.download.DownloadManager,
    manual_dir: epath.PathLike | None = None,
) -> list[archives.Source]:
    """Finds the sources of a task, and downloads them where no path is given.

    Args:
        where: the user's folder or archive. Defaults to `manual_dir`, then to
            TFDS's manual folder if it holds anything, then to downloading.
        task: "2afc" or "jnd".
        is_selected: function that returns whether a split is prepared.
        dl_manager: TFDS's download manager.
        manual_dir: `DownloadConfig.manual_dir`.

    Returns:
        The sources with selected splits, at least one.

    Raises:
        PreparationError: there is no source, or it cannot be downloaded.
    """
    where = where or manual_dir
    if where is None:
        try:
            where = dl_manager.manual_dir
        except AssertionError:  # Raised by TFDS for an empty manual folder.
            return _download(task, is_selected, dl_manager)
    found = [
        source
        for source in archives.find_sources(where, task)
        if source.archive is None
        or any(map(is_selected, source.archive.counts))
    ]
    if not found:
        raise PreparationError(
            f"{where} holds no archive with selected splits."
        )
    return found


def _download(task, is_selected, dl_manager):
    wanted = [
        archive
        for archive in published.ARCHIVES
        if archive.task == task and any(map(is_selected, archive.counts))
    ]
    if not wanted:
        raise PreparationError(
            f"no split of the {task} archives is selected; they hold "
            f"{', '.join(published.COUNTS[task])}."
        )
    found = []
    for archive in wanted:
        try:
            path = dl_manager.download(archive.url)
        except Exception as error:
            # requests, urllib3 and TFDS raise different exceptions.
            reason = str(error).split("\n")[0]
            raise PreparationError(
                f"{archive.url} cannot be downloaded ({reason}). Look at "
                f"{published.HOMEPAGE} for its present address or another "
                f"copy, save it as FOLDER/{archive.file} and give FOLDER as "
                "--source (--manual_dir of `tfds build`)."
            ) from error
        source = archives.archive_source(epath.Path(path), archive)
        sha256 = archives.digest(source.path)
        if archive.sha256 not in (None, sha256):
            raise PreparationError(
                f"{path}, downloaded from {archive.url}, has the sha256 "
                f"{sha256}, not the published {archive.sha256}. Delete it to "
                "download it again."
            )
        found.append(source)
    return found
