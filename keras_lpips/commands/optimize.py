"""`keras-lpips optimize`: descends the distance to an image by gradient."""

from keras_lpips.commands.options import (
    add_net_options,
    add_output_option,
    add_resize_option,
    check_output,
)


def add_parser(subparsers) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser(
        "optimize", help="descend the distance to an image by gradient"
    )
    parser.add_argument("reference", metavar="REFERENCE")
    parser.add_argument(
        "start",
        metavar="START",
        nargs="?",
        help="image to start from; without it, uniform noise",
    )
    add_output_option(
        parser,
        "the optimized image; OUTPUT-before, OUTPUT-curve and a .json of "
        "settings are written beside it",
    )
    add_net_options(parser)
    add_resize_option(parser)
    parser.add_argument("--steps", type=_positive(int), default=200)
    parser.add_argument("--learning-rate", type=_positive(float), default=0.02)
    parser.add_argument("--seed", type=int, default=0, help="of the noise")


def run(arguments) -> None:
    """Writes the image before and after, the curve and the settings."""
    import numpy as np

    from keras_lpips.descent import descend
    from keras_lpips.heat_map import write_curve
    from keras_lpips.images import load_image, load_pair, write_image
    from keras_lpips.output import write_json
    from keras_lpips.provenance import describe

    output = arguments.output
    check_output(output)
    if arguments.start:
        reference, start = load_pair(
            arguments.reference, arguments.start, arguments.resize
        )
    else:
        reference = load_image(arguments.reference, arguments.resize)
        generator = np.random.default_rng(arguments.seed)
        start = generator.integers(0, 256, reference.shape, np.uint8)
    settings = (arguments.net, arguments.version, arguments.calibrated)
    image, curve = descend(
        reference, start, settings, arguments.steps, arguments.learning_rate
    )
    before = output.with_stem(f"{output.stem}-before")
    picture = output.with_name(f"{output.stem}-curve.png")
    write_image(before, start)
    write_curve(picture, curve, f"LPIPS {arguments.net}")
    write_json(
        output.with_suffix(".json"),
        {
            **describe(*settings),
            "reference": arguments.reference,
            "start": arguments.start,
            "seed": arguments.seed,
            "learning_rate": arguments.learning_rate,
            "distances": curve,
        },
    )
    write_image(output, image)
    print(
        f"{curve[0]:.6f} -> {curve[-1]:.6f} in {arguments.steps} steps "
        f"({output}, {before.name}, {picture.name})"
    )


def _positive(kind):
    def parse(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse
