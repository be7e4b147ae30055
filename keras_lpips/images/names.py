"""Which files are images, and which images of two sets belong together.

One rule for all programs, on local and remote files.
"""

import posixpath
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import IO

from keras_lpips.images.formats import open_image

# Of the formats that are read; Pillow's own list has more.
SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp"),
    *(".tif", ".tiff", ".bmp", ".dib", ".gif"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
)
# Names that a message shows.
EXAMPLES = 3


def is_image(name: str, open_file: Callable[[], IO[bytes]]) -> bool:
    """Returns whether a file is taken for an image.

    It is if its suffix is one of `SUFFIXES`, in any case, so that reading a
    damaged one fails with its name; else if its content begins as an image.

    Args:
        name: name of the file.
        open_file: opens it; called only for another suffix.
    """
    if posixpath.splitext(name)[1].lower() in SUFFIXES:
        return True
    try:
        with open_file() as file, open_image(file, name):
            return True
    except Exception:
        return False


def match_names(
    references: Iterable[str], distorted: Iterable[str]
) -> dict[str, str]:
    """Matches the names of two sets of images.

    Equal names match; of the others, those that are equal as Unicode (a name
    in NFC and in NFD), then without the suffix, if no other name of either set
    is.

    Args:
        references: names, which may contain folders.
        distorted: other names.

    Returns:
        The name of the distorted image by that of the reference.
    """
    partners: dict[str, str] = {}
    references, distorted = list(references), list(distorted)
    for key in (str, _normalized, _stem):
        first, second = (
            _unique(names, key) for names in (references, distorted)
        )
        taken = set(partners.values())
        for name, reference in first.items():
            other = second.get(name)
            if reference not in partners and other and other not in taken:
                partners[reference] = other
    return partners


def _normalized(name):
    return unicodedata.normalize("NFC", name)


def _stem(name):
    return posixpath.splitext(_normalized(name))[0]


def _unique(names, key):
    counts = Counter(map(key, names))
    return {key(name): name for name in names if counts[key(name)] == 1}


def shorten(names: Sequence) -> str:
    """Returns the first names of a list as text."""
    more = ", ..." if len(names) > EXAMPLES else ""
    return ", ".join(map(str, names[:EXAMPLES])) + more
