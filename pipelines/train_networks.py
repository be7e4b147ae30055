"""Trains a bank of small networks, the paper's CNN-based distortions.

    python -m pipelines.train_networks --photos DIR --bank BANK --networks 8

Eight of 200 steps take minutes on two cores; the paper's bank has 96. A
network for colorization and one for super-resolution are trained with them.
Each network is saved after its training; the same command resumes.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.options import PositiveInt
from keras_lpips_cli.program import parse, run

NAME = "pipelines.train_networks"
# Photographs held in memory at once.
MAX_PHOTOGRAPHS = 200

Restorer = Literal["color_network", "espcn"]


@dataclass(frozen=True)
class BankConfig:
    """Flags of the program."""

    photos: str
    """Folder of photographs, searched recursively, or a pattern."""
    bank: str
    """Folder of the bank; networks that exist already are kept."""
    networks: PositiveInt = 8
    """Number of sampled networks in the bank."""
    restorers: tuple[Restorer, ...] = ("color_network", "espcn")
    """Networks of the real algorithms to train with them."""
    steps: PositiveInt = 200
    """Batches that each network is trained on."""
    seed: int = 0
    """Seed of the networks' settings, weights and patches."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and trains; returns the exit status."""
    config = parse(BankConfig, __doc__, argv, prog=NAME)
    return run(NAME, lambda: train_bank(config), "the same command resumes")


def train_bank(config: BankConfig) -> None:
    """Trains and saves the networks that the bank lacks.

    Raises:
        UserError: no photograph can be used.
    """
    from etils import epath

    from pipelines.networks.model_bank import is_saved, save_network
    from pipelines.networks.settings import (
        PATCH_SIZE,
        RESTORERS,
        sample_settings,
    )
    from pipelines.networks.training import train
    from pipelines.rng import make_rng

    photographs = _read_photographs(config.photos, PATCH_SIZE)

    def draw_patch(rng):
        image = photographs[rng.integers(len(photographs))]
        top, left = (
            rng.integers(side - PATCH_SIZE + 1) for side in image.shape[:2]
        )
        return image[top : top + PATCH_SIZE, left : left + PATCH_SIZE]

    bank = epath.Path(config.bank)
    bank.mkdir(parents=True, exist_ok=True)
    networks = {
        f"cnn_{number:03}": sample_settings(config.seed, number)
        for number in range(config.networks)
    }
    networks.update({name: RESTORERS[name] for name in config.restorers})
    for name, network in networks.items():
        if is_saved(bank, name):
            continue
        start = time.monotonic()
        seed = int(make_rng(config.seed, name).integers(2**31))
        generator, losses = train(network, draw_patch, config.steps, seed)
        training = {"seed": config.seed, "steps": config.steps, **losses}
        save_network(bank, name, network, generator, training)
        print(
            f"{name:14}{network.corruption:14}"
            f"{generator.count_params():7} weights, l1 {losses['l1']:.3f}, "
            f"{time.monotonic() - start:.0f} s",
            flush=True,
        )


def _read_photographs(where, min_side):
    from pipelines.image_io.photographs import (
        InvalidPhotographError,
        read_file,
        read_photograph,
    )
    from pipelines.image_io.survey import find_photographs

    photographs = []
    for name, path in find_photographs(where):
        try:
            photographs.append(read_photograph(read_file(path), min_side))
        except (InvalidPhotographError, OSError) as error:
            print(f"skipped: {name} {error}")
        if len(photographs) == MAX_PHOTOGRAPHS:
            break
    if not photographs:
        raise UserError(f"{where}: no photograph can be used.")
    return photographs


if __name__ == "__main__":
    sys.exit(main())
