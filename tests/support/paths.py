"""Paths that tests start from, and digests of files."""

import hashlib
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
TEST_DATA = REPOSITORY / "tests" / "data"


def file_digests(folder, pattern="**/*"):
    """Returns the SHA-256 of each file below `folder`, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }
