"""Errors of requests to a server."""

from keras_lpips_cli.errors import UserError


class ServerError(UserError):
    """A request failed; the message includes that of the server.

    Attributes:
        rejected: whether the server rejected this request, so that other
            requests may succeed.
    """

    def __init__(self, message: str, rejected: bool = False):
        super().__init__(message)
        self.rejected = rejected


class UnavailableError(ServerError):
    """The server did not accept the request, which may be sent again."""
