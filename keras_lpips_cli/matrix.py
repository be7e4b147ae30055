"""`keras-lpips matrix`: the distances between all images of a folder."""

from pathlib import Path

from keras_lpips_cli.options import (
    add_net_options,
    add_output_option,
    add_resize_option,
    check_output,
)


def add_parser(subparsers) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "matrix", help="distances of all pairs of a folder"
    )
    parser.add_argument("folder", metavar="DIR", type=Path)
    add_output_option(parser, "CSV, one row and one column per image")
    add_net_options(parser)
    add_resize_option(parser)


def run(arguments) -> None:
    """Writes the matrix, and its settings beside it as `.json`."""
    from keras_lpips.atomic_files import replacing_all, write_csv, write_json
    from keras_lpips.images.reader import list_images
    from keras_lpips.inference.matrix import compare_all, find_common_size
    from keras_lpips.inference.provenance import describe
    from keras_lpips.inference.scorer import scorer
    from keras_lpips_cli.signals import with_progress

    check_output(arguments.output, (".csv",))
    paths = list_images(arguments.folder)
    settings = (arguments.net, arguments.version, arguments.calibrated)
    size = find_common_size(paths, arguments.resize)
    distances = compare_all(
        paths,
        scorer(*settings),
        size,
        arguments.resize,
        arguments.output.parent,
        lambda batches: with_progress(batches, "batch"),
    )
    names = [path.name for path in paths]
    rows = [
        (name, *(f"{d:.9g}" for d in row))
        for name, row in zip(names, distances, strict=True)
    ]
    settings_file = arguments.output.with_suffix(".json")
    with replacing_all(arguments.output, settings_file) as (table, beside):
        write_csv(table, ("name", *names), rows)
        write_json(
            beside,
            {
                **describe(*settings),
                "folder": str(arguments.folder),
                "images": len(names),
                "size": list(size),
            },
        )
    print(f"{len(names)} x {len(names)} distances in {arguments.output}")
