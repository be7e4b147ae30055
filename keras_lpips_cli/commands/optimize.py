"""`keras-lpips optimize`: minimizes the distance by gradient descent."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keras_lpips_cli.options import (
    MetricConfig,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    check_output,
)


@dataclass(frozen=True, kw_only=True)
class OptimizeConfig(MetricConfig):
    """Changes an image by gradient descent on its distance to a reference."""

    reference: Positional[Path]
    """The image to approach."""
    start: Positional[Path | None] = None
    """The image to start from. Without it, uniform noise."""
    output: Path
    """The optimized image, lossless; -before, -curve, .json go beside it."""
    steps: PositiveInt = 200
    """Steps of gradient descent."""
    learning_rate: PositiveFloat = 0.02
    """Learning rate of Adam, for images in [-1, 1]."""
    seed: NonNegativeInt = 0
    """Seed of the noise."""


def optimize(config: OptimizeConfig) -> None:
    """Writes the image before and after, the curve and the settings."""
    import numpy as np
    from tqdm import trange

    from keras_lpips.atomic_files import atomic_paths, write_json
    from keras_lpips.images.reader import (
        LOSSLESS,
        load_image,
        load_pair,
        write_image,
    )
    from keras_lpips.images.validation import prefix_errors
    from keras_lpips.inference.optimize_image import optimize_image
    from keras_lpips_cli.plots import write_curve
    from keras_lpips_cli.signals import interruptible

    reference_path, start_path = config.reference, config.start
    output, resize = config.output, config.resize
    # Lossless, so that the distance printed is that of the file.
    inputs = [path for path in (reference_path, start_path) if path]
    check_output(output, tuple(LOSSLESS), inputs=inputs)
    if start_path:
        reference, start = load_pair(reference_path, start_path, resize)
    else:
        reference = load_image(reference_path, resize)
        generator = np.random.default_rng(config.seed)
        start = generator.integers(0, 256, reference.shape, np.uint8)
    with (
        prefix_errors(reference_path),
        trange(config.steps, unit="step", disable=None) as bar,
    ):
        image, curve = optimize_image(
            reference,
            start,
            config.layer,
            interruptible(bar),
            config.learning_rate,
            lambda distance: bar.set_postfix(lpips=f"{distance:.4f}"),
        )
    before = output.with_stem(f"{output.stem}-before")
    plot = output.with_name(f"{output.stem}-curve.png")
    result = {
        **config.describe(),
        "reference": str(reference_path),
        "start": start_path and str(start_path),
        "seed": None if start_path else config.seed,
        "learning_rate": config.learning_rate,
        "distances": curve,
    }
    with atomic_paths(
        output, before, plot, output.with_suffix(".json")
    ) as partials:
        write_image(partials[0], image)
        write_image(partials[1], start)
        write_curve(partials[2], curve, f"LPIPS {config.net}")
        write_json(partials[3], result)
    print(
        f"{curve[0]:.6f} -> {curve[-1]:.6f} in {config.steps} steps "
        f"({output}, {before.name}, {plot.name})"
    )
