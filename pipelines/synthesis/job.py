"""The whole synthesis: photographs, plan, shards, metadata, manifest.

It is written beside its place and moved there when it is complete. What a
killed run has finished is used again by the same command, since a shard's
bytes depend on the plan alone; anything else that lies there is removed.
"""

import dataclasses
import hashlib
import json
import logging
import platform
from collections import Counter
from dataclasses import dataclass
from importlib import metadata

import tensorflow_datasets as tfds
from etils import epath

from pipelines.execution import run_tasks
from pipelines.image_io.survey import Survey, find_photographs, survey
from pipelines.synthesis.catalog import Catalog, checked
from pipelines.synthesis.frames import MIN_FRAMES
from pipelines.synthesis.labels import check_judge, meaning_of
from pipelines.synthesis.planning import part_of, plan
from pipelines.synthesis.recipe import Style
from pipelines.synthesis.shards import (
    Shard,
    features_of,
    load_libraries,
    write_shard,
)
from tfds_bapps.source.errors import PreparationError

NAME = "bapps_like"
VERSION = "1.0.0"
FILE_FORMAT = "tfrecord"
PACKAGES = (
    "apache-beam",
    "keras",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "scikit-image",
    "scipy",
    "tensorflow",
    "tensorflow-datasets",
)
# Of photographs that cannot be used, in one sentence.
MOST_REASONS = 10
_PLAN = "plan.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        photos: a folder or a pattern; "" for none.
        videos: as `photos`, for frame interpolation.
        triplets: how many.
        catalog: the types to draw from.
        style: what kind of triplets are made.
        judge: who answers.
        val_share: of the photographs, how many are for validation.
    """

    photos: str
    videos: str
    triplets: int
    catalog: Catalog
    style: Style
    judge: str
    val_share: float

    def check(self) -> None:
        """Raises `PreparationError` for what cannot be made."""
        checked(self.catalog)
        check_judge(self.judge, self.style.task)
        if not (self.photos or self.videos):
            raise PreparationError("--photos or --videos is needed.")
        if self.videos and "algorithms" not in self.catalog.families:
            raise PreparationError("--videos needs --families algorithms.")
        if self.videos and self.style.task == "jnd":
            raise PreparationError(
                "--videos cannot be used with --task jnd: how visible an "
                "interpolation is cannot be chosen."
            )
        if self.triplets < 1:
            raise PreparationError(
                f"--triplets must be positive. Received: {self.triplets}"
            )
        if self.style.size < 16:
            raise PreparationError(
                f"--size must be at least 16. Received: {self.style.size}"
            )
        for flag, share in (
            ("--val-share", self.val_share),
            ("--same-type-share", self.style.same_type_share),
        ):
            if not 0 <= share <= 1:
                raise PreparationError(
                    f"{flag} must be in [0, 1]. Received: {share}"
                )


def synthesize(order: Order, output: epath.PathLike, options=None) -> dict:
    """Makes a dataset.

    Args:
        order: what is to be made.
        output: the dataset's folder, which must not be there yet.
        options: Beam's options.

    Returns:
        The manifest.

    Raises:
        PreparationError: one sentence.
    """
    order.check()
    output = epath.Path(output)
    if output.exists():
        raise PreparationError(
            f"{output} is there already; delete it to start anew."
        )
    sources = _sources(order)
    folder = output.parent / f"{output.name}.incomplete"
    folder.mkdir(parents=True, exist_ok=True)
    found = _survey(sources, order.style.size, folder, options)
    _clear_unless_planned(folder, order, found)

    features = features_of(order.style.task)
    planned = plan(found.usable, order.triplets, order.catalog, order.val_share)
    _warn_of_an_empty_part(planned, len(found.usable), order.val_share)
    shards = {
        split: [
            _shard(folder, split, number, len(runs), run, features, order)
            for number, run in enumerate(runs)
        ]
        for split, runs in planned.items()
    }
    tasks = [shard for run in shards.values() for shard in run]
    done = run_tasks(tasks, write_shard, options, load=load_libraries)
    reports = {
        task.path: report for task, report in zip(tasks, done, strict=True)
    }
    _check_counts(order, reports)
    _write_metadata(folder, shards, reports, features, order)
    manifest = _manifest(order, found, shards, reports)
    text = json.dumps(manifest, indent=1) + "\n"
    (folder / "manifest.json").write_text(text)
    keep = {epath.Path(task.path).name for task in tasks}
    keep |= {"manifest.json", "dataset_info.json", "features.json"}
    for left in folder.iterdir():
        if left.name not in keep:
            left.unlink()
    folder.rename(output)
    return manifest


def _sources(order):
    """Files, and the least frames that they must have."""
    wanted = ((order.photos, 0), (order.videos, MIN_FRAMES))
    return [(find_photographs(x), least) for x, least in wanted if x]


def _survey(sources, size, folder, options):
    usable, refused = [], {}
    for files, min_frames in sources:
        found = survey(files, size, folder, options, min_frames)
        usable += found.usable
        refused |= found.refused
    if not usable:
        # A folder may hold thousands of other files.
        reasons = [f"{name} {reason}" for name, reason in refused.items()]
        more = len(reasons) - MOST_REASONS
        listing = "; ".join(reasons[:MOST_REASONS])
        raise PreparationError(
            f"no photograph can be used: {listing}"
            + (f"; and {more} more." if more > 0 else ".")
        )
    return Survey(tuple(sorted(usable)), refused)


def _clear_unless_planned(folder, order, found):
    """Removes what another order, or other photographs, have left."""
    settings = dataclasses.asdict(order)
    # The same photographs may be found elsewhere.
    del settings["photos"], settings["videos"]
    text = json.dumps(
        {
            **settings,
            "photographs": [photograph.digest for photograph in found.usable],
            "bank": _bank_digest(order.catalog.bank),
            "versions": _versions(),
        },
        sort_keys=True,
    )
    plan_path = folder / _PLAN
    if plan_path.exists() and plan_path.read_text() == text:
        return
    for left in folder.iterdir():
        left.unlink()
    plan_path.write_text(text)


def _warn_of_an_empty_part(splits, photographs, val_share):
    """Says what chance has left out, before the work; nobody asked for it."""
    if not 0 < val_share < 1:
        return
    parts = {split.partition("_")[0] for split in splits}
    for missing in sorted({"train", "val"} - parts):
        _log.warning(
            "There is no %s data: by chance none of the %d photographs is in "
            "that part; more photographs or another --val-share would help.",
            missing,
            photographs,
        )


def _shard(folder, split, number, count, run, features, order):
    template = _template(folder, split)
    path = template.sharded_filepath(shard_index=number, num_shards=count)
    photographs, indices = zip(*run, strict=True)
    return Shard(
        path=str(path),
        file_format=FILE_FORMAT,
        features=features,
        photographs=photographs,
        indices=indices,
        catalog=order.catalog,
        style=order.style,
        judge=order.judge,
    )


def _template(folder, split):
    return tfds.core.ShardedFileTemplate(
        data_dir=folder,
        dataset_name=NAME,
        split=split,
        filetype_suffix=FILE_FORMAT,
    )


def _check_counts(order, reports):
    written = sum(report["triplets"] for report in reports.values())
    missing = [path for path in reports if not epath.Path(path).exists()]
    if written != order.triplets or missing:
        raise PreparationError(
            f"{written} triplets were written of {order.triplets}, and "
            f"{len(missing)} files are missing."
        )


def _write_metadata(folder, shards, reports, features, order):
    splits = [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=[reports[shard.path]["triplets"] for shard in run],
            num_bytes=sum(reports[shard.path]["record_bytes"] for shard in run),
            filename_template=_template(folder, split),
        )
        for split, run in shards.items()
    ]
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=features,
        split_infos=splits,
        version=VERSION,
        filename_template=_template(folder, None),
        description=(
            "Distorted patches in the layout of BAPPS. "
            + meaning_of(order.judge)
        ),
        check_data=False,
    )


def _manifest(order, found: Survey, shards, reports):
    """What was made of what; no times, hosts or paths, so it is repeatable."""
    types = Counter()
    subsets = Counter()
    for report in reports.values():
        types.update(report["types"])
    for split, run in shards.items():
        subset = split.partition("_")[2]
        subsets[subset] += sum(reports[shard.path]["triplets"] for shard in run)
    side = order.style.size
    return {
        "task": order.style.task,
        "triplets": order.triplets,
        "seed": order.style.seed,
        "judge": order.judge,
        "judge_meaning": meaning_of(order.judge),
        "same_type_share": order.style.same_type_share,
        "sequence_share": order.catalog.sequence_share,
        "families": list(order.catalog.families),
        "own_algorithms": list(order.catalog.own_algorithms),
        "bank_sha256": _bank_digest(order.catalog.bank),
        "val_share": order.val_share,
        "splits": {
            split: {
                "examples": sum(
                    reports[shard.path]["triplets"] for shard in run
                ),
                "patch_sizes": {f"{side}x{side}": None},
            }
            for split, run in shards.items()
        },
        "triplets_by_subset": dict(sorted(subsets.items())),
        "patches_by_type": dict(sorted(types.items())),
        "photographs": [
            {
                "name": photograph.name,
                "sha256": photograph.digest,
                "part": part_of(photograph.digest, order.val_share),
                **({"frames": photograph.frames} if photograph.frames else {}),
            }
            for photograph in found.usable
        ],
        "refused_photographs": found.refused,
        "versions": _versions(),
    }


def _bank_digest(bank):
    """sha256 over the files of a bank, or `None` where there is none."""
    if not bank:
        return None
    sha256 = hashlib.sha256()
    for path in sorted(epath.Path(bank).iterdir()):
        sha256.update(path.name.encode() + b"\0" + path.read_bytes())
    return sha256.hexdigest()


def _versions():
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in PACKAGES},
    }
