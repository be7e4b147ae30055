"""The `keras-lpips` command."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from tyro.conf import subcommand

from keras_lpips_cli.commands.explain import ExplainConfig, explain_distance
from keras_lpips_cli.commands.folders import FoldersConfig, compare_folders
from keras_lpips_cli.commands.matrix import MatrixConfig, compare_all_images
from keras_lpips_cli.commands.optimize import OptimizeConfig, optimize
from keras_lpips_cli.commands.pair import PairConfig, compare_pair
from keras_lpips_cli.commands.video import VideoConfig, compare_two_videos
from keras_lpips_cli.commands.weights import WeightsConfig, manage_weights
from keras_lpips_cli.program import parse, run

NAME = "keras-lpips"
Command = (
    Annotated[PairConfig, subcommand("pair")]
    | Annotated[FoldersConfig, subcommand("folders")]
    | Annotated[ExplainConfig, subcommand("explain")]
    | Annotated[MatrixConfig, subcommand("matrix")]
    | Annotated[VideoConfig, subcommand("video")]
    | Annotated[OptimizeConfig, subcommand("optimize")]
    | Annotated[WeightsConfig, subcommand("weights")]
)
WORK: dict[type, Callable[[Any], int | None]] = {
    PairConfig: compare_pair,
    FoldersConfig: compare_folders,
    ExplainConfig: explain_distance,
    MatrixConfig: compare_all_images,
    VideoConfig: compare_two_videos,
    OptimizeConfig: optimize,
    WeightsConfig: manage_weights,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a subcommand.

    Args:
        argv: arguments without the program's name. Defaults to the process's.

    Returns:
        The exit status; see `program.run`.
    """
    description = "Computes LPIPS, the perceptual image distance (CVPR 2018)."
    # mypy has no type for a union that is an argument.
    config: Any = parse(Command, description, argv, prog=NAME)  # type: ignore
    return run(NAME, lambda: WORK[type(config)](config))
