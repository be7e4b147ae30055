"""The exception that every program reports in one sentence."""


class UserError(Exception):
    """An error that the user can correct.

    The message is one sentence that states the rule and the value received. A
    program prints it, without a traceback, and exits with 1.
    """
