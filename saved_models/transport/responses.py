"""The endpoint of a server, and checks of its responses.

A response may be anything.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from saved_models.transport.errors import (
    PairError,
    ServerError,
    UnavailableError,
)

# Characters of a server's text that are shown.
LONGEST_TEXT = 500


@dataclass(frozen=True)
class Endpoint:
    """A model on a server.

    Attributes:
        host: name or address of the server.
        port: its REST or gRPC port.
        model: name of the model.
        version: version of the model, or `None`.
        label: label of the version, or `None`.
        timeout: longest time of a request until its response is complete, in
            seconds.
    """

    host: str
    port: int
    model: str
    version: int | None
    label: str | None
    timeout: float


def read_results(
    distances: Sequence, errors: Sequence, pairs: int, where: str
) -> list[float | PairError]:
    """Returns the distance of each pair, or the error that it caused.

    Args:
        distances: what the server returned as such: for each pair a finite
            number of at least 0; or NaN or `None`, with an error.
        errors: for each pair a text, empty unless it cannot be compared.
        pairs: how many pairs were sent.
        where: the server's address, for messages.

    Raises:
        ServerError: if that is not what the server returned.
    """
    if not len(distances) == len(errors) == pairs:
        raise ServerError(
            f"{where} returned {len(distances)} distances and {len(errors)} "
            f"errors for {pairs} pairs"
        )
    return [
        _read_result(distance, error, where)
        for distance, error in zip(distances, errors, strict=True)
    ]


def _read_result(distance, error, where):
    is_number = isinstance(distance, int | float)
    if is_number and not isinstance(distance, bool) and error == "":
        # An integer may be too large for a float.
        if 0 <= distance < math.inf and distance <= 1e300:
            return float(distance)
    # JSON itself has no NaN, so gateways may make it null.
    is_nan = distance is None or distance != distance
    if is_nan and isinstance(error, str) and clean(error):
        return PairError(clean(error))
    raise ServerError(
        f"{where} returned neither a distance nor an error for a pair: "
        f"distance {clean(ascii(distance)[:99])}, "
        f"error {clean(ascii(error)[:99])}"
    )


def choose_version(versions: Sequence[tuple[int, str]], where: str) -> int:
    """Returns the highest version that is loaded.

    Args:
        versions: the number and the state of each, as the server names it.
        where: the server's address, for messages.

    Raises:
        UnavailableError: if none is loaded, which may be sent again.
    """
    loaded = [number for number, state in versions if state == "AVAILABLE"]
    if not loaded:
        states = ", ".join(f"{n} is {state}" for n, state in versions[:9])
        raise UnavailableError(
            f"{where}: no version of the model is loaded: {clean(states)}"
        )
    return max(loaded)


def clean(text: str) -> str:
    """Returns a text of a server as one line that is safe to show."""
    visible = "".join(
        character if character.isprintable() else " "
        for character in text[: 2 * LONGEST_TEXT]
    )
    line = " ".join(visible.split())
    if len(line) > LONGEST_TEXT:
        line = line[:LONGEST_TEXT] + " ..."
    return line
