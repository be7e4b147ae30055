"""Errors of requests to a server."""

from keras_lpips_cli.errors import UserError


class ServerError(UserError):
    """A request failed; the message includes that of the server."""


class UnavailableError(ServerError):
    """The server did not accept the request, which may be sent again."""


class RefusedError(UnavailableError):
    """The server rejected the request, or one that it was merged with."""


class TooLargeError(ServerError):
    """The request has more bytes than the server takes."""


class PairError(ServerError):
    """A pair cannot be compared; the message says why. Others can."""
