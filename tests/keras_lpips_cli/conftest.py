"""The fixtures that these tests share with those of the library."""

from tests.support.fixtures import (  # noqa: F401
    command,
    make_video,
    photo,
    photo_folders,
    refused,
)
