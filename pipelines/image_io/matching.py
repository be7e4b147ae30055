"""Two patterns of images, matched: the list of their pairs.

Codecs change a file's type, so that what has no partner of its own name is
matched without the suffix. Nothing is dropped: an image that stays alone is
a pair without the other side, which reading finds bad.
"""

import csv
import io
import logging
import os
import posixpath
import re
from collections import Counter

from apache_beam.io.filesystems import FileSystems

from keras_lpips.atomic_files import ESCAPE
from pipelines.filesystems import list_files, write_bytes
from pipelines.scoring.pairs import COLUMNS
from tfds_bapps.source.errors import PreparationError

# Images without a partner that are named at once.
EXAMPLES = 3

_log = logging.getLogger(__name__)


def match(references: str, distorted: str, path: str) -> dict[str, int]:
    """Writes the list of the pairs of two patterns, in the order of names.

    Images belong together whose places below their pattern's fixed folder are
    the same; else those whose places without the suffix are, if no other image
    on either side has the same. The list holds the others with an empty field.

    Args:
        references: a pattern.
        distorted: a pattern.
        path: of the list.

    Returns:
        How many images have no partner, by column.

    Raises:
        PreparationError: there is no pair at all.
        OSError: a place cannot be listed, or the list not be written.
    """
    sides = [_by_name(pattern) for pattern in (references, distorted)]
    for pattern, side in zip((references, distorted), sides, strict=True):
        if not side:
            raise PreparationError(f"{pattern} matches no file.")
    partners = _partners(*sides)
    if not partners:
        raise PreparationError(
            f"{references} and {distorted} have no image name in common."
        )
    alone = [
        sorted(sides[0].keys() - partners.keys()),
        sorted(sides[1].keys() - set(partners.values())),
    ]
    for role, names, side in zip(COLUMNS, alone, sides, strict=True):
        if names:
            examples = ", ".join(side[name] for name in names[:EXAMPLES])
            _log.warning(
                "%d of %d %s images have no partner and are bad pairs: %s%s",
                len(names),
                len(side),
                role,
                examples,
                ", ..." if len(names) > EXAMPLES else "",
            )
    pairs = list(partners.items())
    pairs += [(name, None) for name in alone[0]]
    pairs += [(None, name) for name in alone[1]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for pair in sorted(pairs, key=lambda pair: pair[0] or pair[1]):
        writer.writerow(
            "" if name is None else side[name]
            for name, side in zip(pair, sides, strict=True)
        )
    write_bytes(path, text.getvalue().encode(errors=ESCAPE))
    return dict(zip(COLUMNS, map(len, alone), strict=True))


def _partners(references, distorted):
    """The distorted image's name, by the reference's."""
    partners = {name: name for name in references if name in distorted}
    stems = [_unique_stems(side) for side in (references, distorted)]
    for stem, name in stems[0].items():
        if name not in partners and stem in stems[1]:
            partners[name] = stems[1][stem]
    return partners


def _unique_stems(names):
    counts = Counter(map(_stem, names))
    return {_stem(name): name for name in names if counts[_stem(name)] == 1}


def _stem(name):
    return posixpath.splitext(name)[0]


def _by_name(pattern):
    """The files by their places below the pattern's fixed folder."""
    fixed = re.match(r"[^*?\[]*", pattern)[0].rpartition("/")[0]
    # A list lies elsewhere, so that its paths are absolute.
    if FileSystems.get_scheme(pattern) is None:
        pattern, fixed = os.path.abspath(pattern), os.path.abspath(fixed)
    return {path[len(fixed) :]: path for path in list_files(pattern)}
