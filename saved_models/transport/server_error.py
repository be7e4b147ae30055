"""What may go wrong between a client and a server."""


class ServerError(RuntimeError):
    """A request was not answered; the message says what the server said.

    Attributes:
        refused: whether the request itself is at fault, so that others of the
            same client may be answered.
    """

    def __init__(self, message, refused=False):
        super().__init__(message)
        self.refused = refused


class Unavailable(ServerError):
    """The server did not take the request: it may be sent again."""
