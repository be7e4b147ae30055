"""The config of `pipelines.synthesize`.

It imports no heavy library, so that `--help` is fast.
"""

from dataclasses import dataclass
from typing import Literal

from keras_lpips_cli.options import PositiveInt

Family = Literal["traditional", "cnn", "algorithms"]
Task = Literal["2afc", "jnd"]
MIN_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class SynthesisConfig:
    """Flags of `pipelines.synthesize`."""

    triplets: PositiveInt
    """How many triplets to make, or pairs for JND."""
    output: str
    """Folder of the dataset."""
    photos: str = ""
    """Folder of photographs, searched recursively, or a pattern."""
    videos: str = ""
    """Folder or pattern of videos, for triplets of interpolated frames."""
    families: tuple[Family, ...] = ("traditional",)
    """Families of distortions to draw from."""
    seed: int = 0
    """Seed of everything random."""
    task: Task = "2afc"
    """2afc: which patch is closer? jnd: barely visible strengths: the same?"""
    judge: str = "none"
    """none, severity, or a metric: l2, ssim, NET, lpips/NET@VERSION, ..."""
    bank: str = ""
    """Folder of trained networks, for cnn and algorithms."""
    algorithm: tuple[str, ...] = ()
    """Your own functions, package.module:function."""
    same_type_share: float = 0.2
    """Share of triplets with one type at two strengths; severity: all."""
    sequence_share: float = 0.5
    """Share of ordered pairs among the traditional types."""
    val_share: float = 0.2
    """Share of photographs for validation."""
    size: PositiveInt = 64
    """Height and width of the patches in pixels."""

    def __post_init__(self):
        """Validates ranges and combinations of flags."""
        for flag, share in (
            ("--same-type-share", self.same_type_share),
            ("--sequence-share", self.sequence_share),
            ("--val-share", self.val_share),
        ):
            if not 0 <= share <= 1:
                raise ValueError(f"{flag} must be in [0, 1]. Received: {share}")
        if self.size < MIN_SIZE:
            raise ValueError(
                f"--size must be at least {MIN_SIZE}. Received: {self.size}"
            )
        if not self.families:
            raise ValueError("--families must not be empty.")
        if not (self.photos or self.videos):
            raise ValueError("--photos or --videos is needed.")
        if "cnn" in self.families and not self.bank:
            raise ValueError(
                "--families cnn needs --bank; make one with "
                "python -m pipelines.train_networks."
            )
        if self.bank and set(self.families) == {"traditional"}:
            raise ValueError("--bank needs --families cnn or algorithms.")
        for flag, value in (
            ("--algorithm", self.algorithm),
            ("--videos", self.videos),
        ):
            if value and "algorithms" not in self.families:
                raise ValueError(f"{flag} needs --families algorithms.")
        if self.videos and self.task == "jnd":
            raise ValueError(
                "--videos cannot be used with --task jnd: the visibility of an "
                "interpolation cannot be chosen."
            )
        if self.task == "jnd" and self.judge != "none":
            raise ValueError(
                "--judge must be none with --task jnd: only people can say "
                "whether people see a difference."
            )

    @property
    def one_type_share(self) -> float:
        """Share of triplets whose patches differ in strength alone."""
        return 1.0 if self.judge == "severity" else self.same_type_share
