"""The `keras-lpips` command, one module for each subcommand.

Also what all programs of the repository share: `program`, `options` and
`errors`. Nothing here imports the library before the flags are parsed.
"""
