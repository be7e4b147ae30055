"""Finds the images of patterns, and matches those of two by their names.

The rules are those of `keras_lpips.images.names`. An image without any partner
becomes a pair with an empty field, which counts as failed.
"""

import csv
import io
import logging
import os
from concurrent.futures import ThreadPoolExecutor

from apache_beam.io.filesystems import FileSystems

from keras_lpips.atomic_files import ESCAPE
from keras_lpips.images.formats import check_regular_file
from keras_lpips.images.names import is_image, match_names, shorten
from keras_lpips_cli.errors import UserError
from pipelines.filesystems import (
    fixed_part,
    match_files,
    open_file,
    write_bytes,
)

# The columns of a list of pairs.
COLUMNS = ("reference", "distorted")
# Concurrent looks into files whose suffix is not an image's.
THREADS = 16

_log = logging.getLogger(__name__)


def find_images(pattern: str) -> tuple[list, list[str]]:
    """Finds the images that a pattern matches, and warns of other files.

    Hidden files and what hidden folders hold do not count.

    Returns:
        What the filesystem knows of each image, sorted by path, and the paths
        of the other files.

    Raises:
        UserError: there is no image.
        OSError: a folder cannot be listed.
    """
    skip = len(fixed_part(pattern))
    found = [
        file
        for file in match_files(pattern)
        if not any(
            part[0] == "." and part != "."
            for part in filter(None, file.path[skip:].split("/"))
        )
    ]
    with ThreadPoolExecutor(THREADS) as threads:
        kinds = list(threads.map(_is_image, [file.path for file in found]))
    images = [file for file, kind in zip(found, kinds, strict=True) if kind]
    skipped = [
        file.path for file, kind in zip(found, kinds, strict=True) if not kind
    ]
    if not images:
        raise UserError(
            f"{pattern} matches no "
            + (f"image, but {shorten(skipped)}." if skipped else "file.")
        )
    if skipped:
        _log.warning(
            "%d files of %s are not images and are skipped: %s",
            len(skipped),
            pattern,
            shorten(skipped),
        )
    return images, skipped


def _is_image(path):
    def open_regular():
        if FileSystems.get_scheme(path) is None:
            check_regular_file(path)
        return open_file(path)

    return is_image(path, open_regular)


def match(
    references: str, distorted: str, path: str
) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Writes the list of the pairs of two patterns, in the order of names.

    Paths below each pattern's fixed folders are matched by `match_names`. Those
    without a partner are listed with an empty field.

    Args:
        references: a pattern.
        distorted: a pattern.
        path: path of the list to write.

    Returns:
        The number of images without a partner, and the paths of files that
        are not images, by column.

    Raises:
        UserError: there is no pair at all.
        OSError: a folder cannot be listed, or the list cannot be written.
    """
    sides, skipped = zip(*map(_by_name, (references, distorted)), strict=True)
    partners = match_names(*sides)
    if not partners:
        raise UserError(
            f"{references} and {distorted} have no image name in common."
        )
    unmatched = [
        sorted(sides[0].keys() - partners.keys()),
        sorted(sides[1].keys() - set(partners.values())),
    ]
    for role, names, side in zip(COLUMNS, unmatched, sides, strict=True):
        if names:
            _log.warning(
                "%d of %d %s images have no partner and count as failed: %s",
                len(names),
                len(side),
                role,
                shorten([side[name] for name in names]),
            )
    pairs: list[tuple] = list(partners.items())
    pairs += [(name, None) for name in unmatched[0]]
    pairs += [(None, name) for name in unmatched[1]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for pair in sorted(pairs, key=lambda pair: pair[0] or pair[1]):
        writer.writerow(
            "" if name is None else side[name]
            for name, side in zip(pair, sides, strict=True)
        )
    write_bytes(path, text.getvalue().encode(errors=ESCAPE))
    return (
        dict(zip(COLUMNS, map(len, unmatched), strict=True)),
        dict(zip(COLUMNS, skipped, strict=True)),
    )


def _by_name(pattern):
    """Returns images by their paths below the fixed folders, and others."""
    # The list is in another folder, so its paths are absolute.
    if FileSystems.get_scheme(pattern) is None:
        pattern = os.path.abspath(pattern)
    skip = len(fixed_part(pattern))
    images, skipped = find_images(pattern)
    return {file.path[skip:]: file.path for file in images}, skipped
