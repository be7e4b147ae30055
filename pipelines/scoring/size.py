"""The size that images are resized to, as it is written on a command line."""

from tfds_bapps.source.errors import PreparationError


def size_of(text: str) -> tuple[int, int] | None:
    """Parses HEIGHTxWIDTH; "" is `None`.

    Raises:
        PreparationError: it is no size.
    """
    if not text:
        return None
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(x.isdecimal() and int(x) for x in sides):
        raise PreparationError(
            "--resize must be HEIGHTxWIDTH in pixels, as 64x64. "
            f"Received: {text}"
        )
    return int(sides[0]), int(sides[1])
