"""`keras-lpips weights`: the backbones' weights on this machine."""

from pathlib import Path

from keras_lpips.backbones.registry import BACKBONES

NETS = tuple(BACKBONES)


def add_parser(subparsers) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "weights", help="fetch, import, verify or find the backbones' weights"
    )
    actions = parser.add_subparsers(dest="action", required=True)
    for action, text in (
        ("fetch", "fetch the backbones that are not in the cache"),
        ("verify", "check the digests of the backbones and the heads"),
    ):
        sub = actions.add_parser(action, help=text)
        # argparse checks `choices` against the empty list, too.
        sub.add_argument("nets", nargs="*", metavar="NET", help=", ".join(NETS))
    sub = actions.add_parser("import", help="import a file into the cache")
    sub.add_argument("net", choices=NETS)
    sub.add_argument("file", type=Path)
    actions.add_parser("where", help="print where each backbone is or would be")


def run(arguments) -> int:
    """Runs the action; 1 if a net could not be fetched or verified."""
    return {
        "fetch": _fetch,
        "import": _import,
        "verify": _verify,
        "where": _where,
    }[arguments.action](arguments)


def _fetch(arguments):
    from keras_lpips.weights.presets import backbone_path, fetch_backbone

    def fetch(net):
        fetch_backbone(net)
        return str(backbone_path(net))

    return _for_each(arguments.nets, fetch)


def _import(arguments):
    from keras_lpips.weights.presets import import_backbone

    print(f"{arguments.net}: {import_backbone(arguments.net, arguments.file)}")
    return 0


def _verify(arguments):
    from keras_lpips.weights.heads import read_heads
    from keras_lpips.weights.npz import WeightsError
    from keras_lpips.weights.presets import backbone_path, cached_backbone

    def verify(net):
        for version in ("0.1", "0.0"):
            read_heads(net, version)
        if cached_backbone(net) is None:
            raise WeightsError(f"{backbone_path(net)} is not there")
        return f"{backbone_path(net)} and both heads are right"

    return _for_each(arguments.nets, verify)


def _where(arguments):
    from keras_lpips.weights.presets import backbone_path

    for net in NETS:
        path = backbone_path(net)
        print(f"{net}: {path}{'' if path.exists() else ' (not there)'}")
    return 0


def _for_each(nets, action):
    import sys

    from keras_lpips.images.validation import ImageError
    from keras_lpips.weights.npz import WeightsError

    for net in nets:
        if net not in NETS:
            raise ImageError(f"NET must be one of {', '.join(NETS)}: {net!r}")
    status = 0
    for net in nets or NETS:
        try:
            print(f"{net}: {action(net)}")
        except WeightsError as error:
            print(f"keras-lpips: {net}: {error}", file=sys.stderr)
            status = 1
    return status
