"""Matches the images of two patterns by name and writes the list of pairs.

Codecs change a file's suffix, so images without a partner of the same name are
matched without the suffix. An image without any partner becomes a pair with an
empty field, which counts as bad.
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
from keras_lpips_cli.errors import UserError
from pipelines.filesystems import list_files, write_bytes

# The columns of a list of pairs.
COLUMNS = ("reference", "distorted")
# Images without a partner that a warning names.
EXAMPLES = 3

_log = logging.getLogger(__name__)


def match(references: str, distorted: str, path: str) -> dict[str, int]:
    """Writes the list of the pairs of two patterns, in the order of names.

    Images match whose paths below their pattern's fixed folder are equal;
    else those whose paths without the suffix are equal, if no other image on
    either side has the same. The others are listed with an empty field.

    Args:
        references: a pattern.
        distorted: a pattern.
        path: path of the list to write.

    Returns:
        The number of images without a partner, by column.

    Raises:
        UserError: there is no pair at all.
        OSError: a folder cannot be listed, or the list cannot be written.
    """
    sides = [_by_name(pattern) for pattern in (references, distorted)]
    for pattern, side in zip((references, distorted), sides, strict=True):
        if not side:
            raise UserError(f"{pattern} matches no file.")
    partners = _partners(*sides)
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
    return dict(zip(COLUMNS, map(len, unmatched), strict=True))


def _partners(references, distorted):
    """Returns the distorted image's name, by the reference's."""
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
    """Returns files by their paths below the pattern's fixed folder."""
    fixed = re.match(r"[^*?\[]*", pattern)[0].rpartition("/")[0]
    # The list is in another folder, so its paths are absolute.
    if FileSystems.get_scheme(pattern) is None:
        pattern, fixed = os.path.abspath(pattern), os.path.abspath(fixed)
    return {path[len(fixed) :]: path for path in list_files(pattern)}
