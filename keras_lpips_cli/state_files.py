"""Reads the JSON files that record what a program has done."""

import json
from pathlib import Path
from typing import Any

from keras_lpips_cli.errors import UserError


def read_state(path) -> dict[str, Any]:
    """Returns the content of a local state file; see `parse_state`.

    Raises:
        OSError: it cannot be read.
    """
    return parse_state(Path(path).read_bytes(), path)


def parse_state(content: bytes, path) -> dict[str, Any]:
    """Returns what a state file holds, a JSON object.

    Args:
        content: of the file.
        path: its name in messages.

    Raises:
        UserError: naming the file, if it is damaged.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UserError(
            f"{path} is damaged: it is not a JSON object as this program "
            "writes it. Restore it, or remove it and what it describes"
        )
    return value
