"""`keras-lpips optimize`: descends the distance to an image by gradient."""

from keras_lpips.images.validation import prefix_errors
from keras_lpips_cli.options import (
    add_net_options,
    add_output_option,
    add_resize_option,
    check_output,
    count,
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
        "the optimized image, in a format without loss; OUTPUT-before, "
        "OUTPUT-curve and a .json of settings are written beside it",
    )
    add_net_options(parser)
    add_resize_option(parser)
    parser.add_argument(
        "--steps", type=_positive(int), default=200, help="(default: 200)"
    )
    parser.add_argument(
        "--learning-rate",
        type=_positive(float),
        default=0.02,
        help="of Adam, in units of [-1, 1] (default: 0.02)",
    )
    parser.add_argument(
        "--seed", type=count, default=0, help="of the noise (default: 0)"
    )


def run(arguments) -> None:
    """Writes the image before and after, the curve and the settings."""
    import numpy as np
    from tqdm import trange

    from keras_lpips.atomic_files import replacing_all, write_json
    from keras_lpips.images.reader import (
        LOSSLESS,
        load_image,
        load_pair,
        write_image,
    )
    from keras_lpips.inference.optimize_image import optimize_image
    from keras_lpips.inference.provenance import describe
    from keras_lpips_cli.plots import write_curve
    from keras_lpips_cli.signals import interruptible

    output = arguments.output
    # The distance that is printed must be that of the file.
    inputs = [path for path in (arguments.reference, arguments.start) if path]
    check_output(output, tuple(LOSSLESS), inputs=inputs)
    if arguments.start:
        reference, start = load_pair(
            arguments.reference, arguments.start, arguments.resize
        )
    else:
        reference = load_image(arguments.reference, arguments.resize)
        generator = np.random.default_rng(arguments.seed)
        start = generator.integers(0, 256, reference.shape, np.uint8)
    settings = (arguments.net, arguments.version, arguments.calibrated)
    with (
        prefix_errors(arguments.reference),
        trange(arguments.steps, unit="step", disable=None) as bar,
    ):
        image, curve = optimize_image(
            reference,
            start,
            settings,
            interruptible(bar),
            arguments.learning_rate,
            lambda distance: bar.set_postfix(lpips=f"{distance:.4f}"),
        )
    before = output.with_stem(f"{output.stem}-before")
    picture = output.with_name(f"{output.stem}-curve.png")
    result = {
        **describe(*settings),
        "reference": arguments.reference,
        "start": arguments.start,
        "seed": None if arguments.start else arguments.seed,
        "resize": arguments.resize and list(arguments.resize),
        "learning_rate": arguments.learning_rate,
        "distances": curve,
    }
    with replacing_all(
        output, before, picture, output.with_suffix(".json")
    ) as partials:
        write_image(partials[0], image)
        write_image(partials[1], start)
        write_curve(partials[2], curve, f"LPIPS {arguments.net}")
        write_json(partials[3], result)
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
