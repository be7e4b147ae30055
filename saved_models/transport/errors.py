"""Errors of requests to a server."""

from keras_lpips_cli.errors import UserError


class ServerError(UserError):
    """A request failed; the message includes that of the server.

    Attributes:
        refused: whether the server refused the request itself, so that other
            requests may succeed.
    """

    def __init__(self, message: str, refused: bool = False):
        super().__init__(message)
        self.refused = refused


class Unavailable(ServerError):
    """The server did not accept the request, which may be sent again."""
