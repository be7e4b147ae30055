"""Decides where a preparation reads from, and downloads if need be."""

from collections.abc import Callable

import tensorflow_datasets as tfds
from etils import epath

from tfds_bapps.source import archives, published
from tfds_bapps.source.errors import PreparationError
from tfds_bapps.source.layout import split_name


def fetch(
    where: epath.PathLike | None,
    task: str,
    wants: Callable[[str], bool],
    dl_manager: tfds.download.DownloadManager,
    download_config: tfds.download.DownloadConfig,
) -> list[archives.Source]:
    """Finds the sources of a task, downloading them where no path is given.

    Args:
        where: the user's folder or archive. Defaults to the configured
            manual folder, then to TFDS's own manual folder if it holds
            anything, then to downloading.
        task: "2afc" or "jnd".
        wants: whether a split is to be prepared.
        dl_manager: TFDS's downloader.
        download_config: may name a manual folder.

    Returns:
        The sources that hold anything wanted, at least one.

    Raises:
        PreparationError: nothing is there, or nothing can be downloaded.
    """
    where = where or download_config.manual_dir
    if where is None:
        try:
            where = dl_manager.manual_dir
        except AssertionError:  # TFDS's way to say that there is none.
            return _download(task, wants, dl_manager)
    found = [
        source
        for source in archives.find_sources(where, task)
        if source.archive is None or _holds_wanted(source.archive, wants)
    ]
    if not found:
        raise PreparationError(f"{where} holds no archive with what is wanted.")
    return found


def source_entry(source: archives.Source) -> dict:
    """What the manifest says of a source: name, sha256, published sha256."""
    return {
        "name": source.name,
        "sha256": archives.digest(source) if source.in_archive else None,
        "published_sha256": source.archive.sha256 if source.archive else None,
    }


def _download(task, wants, dl_manager):
    archives = [
        archive
        for archive in published.archives_of(task)
        if _holds_wanted(archive, wants)
    ]
    if not archives:
        raise PreparationError(
            f"nothing of the {task} archives is wanted; their splits are "
            f"{', '.join(published.COUNTS[task])}."
        )
    found = []
    for archive in archives:
        try:
            path = dl_manager.download(archive.url)
        except Exception as error:
            # Requests, urllib3 and TFDS each have their own.
            reason = str(error).split("\n")[0]
            raise PreparationError(
                f"{archive.url} cannot be downloaded ({reason}). Look at "
                f"{published.HOMEPAGE} for its present address or another "
                f"copy, save it as FOLDER/{archive.file} and give FOLDER as "
                "--source (--manual_dir of `tfds build`)."
            ) from error
        source = archives.archive_source(epath.Path(path), archive)
        sha256 = archives.digest(source)
        if archive.sha256 not in (None, sha256):
            raise PreparationError(
                f"{path}, downloaded from {archive.url}, has the sha256 "
                f"{sha256}, not the published {archive.sha256}. Delete it to "
                "download it again."
            )
        found.append(source)
    return found


def _holds_wanted(archive, wants):
    part = archive.folder.part
    return any(
        wants(split)
        for split in published.COUNTS[archive.folder.task]
        if split.startswith(split_name(part, ""))
    )
