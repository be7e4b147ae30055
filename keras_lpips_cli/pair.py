"""`keras-lpips pair`: the distance between two images."""

from pathlib import Path

from keras_lpips.images.validation import ImageError, prefix_errors
from keras_lpips_cli.options import (
    add_net_options,
    add_resize_option,
    check_output,
    count,
)


def add_parser(subparsers) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser("pair", help="distance of two images")
    parser.add_argument("reference", metavar="A")
    parser.add_argument("distorted", metavar="B")
    add_net_options(parser)
    add_resize_option(parser)
    parser.add_argument(
        "--saved-model",
        metavar="DIR",
        help="use this export, and its net, instead of --net",
    )
    parser.add_argument(
        "--tile",
        type=count,
        metavar="N",
        help="the same number in the memory of N x N pixels, for images too "
        "large to go through the net at once",
    )
    parser.add_argument("--map", type=Path, help="write a heat map here")
    parser.add_argument(
        "--per-layer", action="store_true", help="print each tap's share, too"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments) -> None:
    """Prints the distance."""
    from keras_lpips.atomic_files import to_json

    if arguments.tile is not None and arguments.saved_model:
        raise ImageError("--tile cannot be given together with --saved-model")
    if arguments.map:
        from keras_lpips_cli.plots import SUFFIXES

        inputs = (arguments.reference, arguments.distorted)
        check_output(arguments.map, SUFFIXES, "--map", inputs)
    compare = _compare_whole if arguments.tile is None else _compare_tiled
    per_layer, description = compare(arguments)
    result = {
        "reference": arguments.reference,
        "distorted": arguments.distorted,
        "distance": sum(per_layer.values()),
        "per_layer": per_layer,
        **description,
    }
    if arguments.map:
        result["map"] = str(arguments.map)
    if arguments.json:
        print(to_json(result))
        return
    print(f"{result['distance']:.6f}")
    if arguments.per_layer:
        for tap, share in per_layer.items():
            print(f"  {tap:8s} {share:.6f}")


def _compare_whole(arguments):
    """Returns each tap's share, and what it was made with; draws the map."""
    from keras_lpips.images.reader import load_pair

    images = load_pair(
        arguments.reference, arguments.distorted, arguments.resize
    )
    score, description = _scorer(arguments)
    batches = [image[None] for image in images]
    with prefix_errors(arguments.reference):
        shares = score.per_layer(*batches)[0].tolist()
    if arguments.map:
        from keras_lpips_cli.plots import write_heat_map

        heat = score.spatial_map(*batches)[0]
        title = _title(description, shares)
        write_heat_map(arguments.map, *images, heat, title)
    return dict(zip(score.taps, shares, strict=True)), description


def _compare_tiled(arguments):
    """Does what `_compare_whole` does, in bounded memory."""
    from keras_lpips.images.tiff_reader import open_pair
    from keras_lpips.inference.tiling import TiledScorer
    from keras_lpips_cli.signals import with_progress

    images = open_pair(
        arguments.reference, arguments.distorted, arguments.resize
    )
    score, description = _scorer(arguments)
    with prefix_errors(arguments.reference):
        found = TiledScorer(score, arguments.tile).compare(
            *images,
            with_maps=bool(arguments.map),
            progress=lambda tiles: with_progress(tiles, "tile"),
        )
    shares = found.per_layer.tolist()
    if arguments.map:
        from keras_lpips_cli.tiled_plots import write_tiled_heat_map

        title = _title(description, shares)
        write_tiled_heat_map(arguments.map, images, found.tap_maps, title)
    per_layer = dict(zip(score.taps, shares, strict=True))
    return per_layer, {**description, "tile": arguments.tile}


def _title(description, shares):
    return f"LPIPS {description['net']}: {sum(shares):.4f}"


def _scorer(arguments):
    """Returns what compares, and what it was made with."""
    if arguments.saved_model:
        from keras_lpips.inference.saved_model import Exported

        exported = Exported(arguments.saved_model)
        return exported, exported.description
    from keras_lpips.inference.provenance import describe
    from keras_lpips.inference.scorer import scorer

    settings = (arguments.net, arguments.version, arguments.calibrated)
    return scorer(*settings), describe(*settings)
