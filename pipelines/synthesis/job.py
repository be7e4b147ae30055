"""Runs a synthesis: photographs, plan, shards, metadata, manifest.

The dataset is written to `<output>.incomplete` and renamed when it is complete.
The same command resumes an interrupted run: a shard's bytes depend on the plan
alone.
"""

import dataclasses
import hashlib
import json
import logging
import platform
from collections import Counter
from importlib import metadata

import tensorflow_datasets as tfds
from etils import epath

from keras_lpips_cli.errors import UserError
from pipelines.execution import FILES, forget_damaged, run_tasks
from pipelines.image_io.survey import Survey, find_photographs, survey
from pipelines.synthesis.catalog import load_catalog
from pipelines.synthesis.config import SynthesisConfig
from pipelines.synthesis.frames import MIN_FRAMES
from pipelines.synthesis.labels import (
    check_judge,
    describe_judge,
    parse_network,
)
from pipelines.synthesis.planning import find_part, make_plan
from pipelines.synthesis.shards import (
    Shard,
    load_libraries,
    make_synthetic_features,
    write_shard,
)

NAME = "bapps_like"
VERSION = "1.0.0"
FILE_FORMAT = "array_record"
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
# Photographs that an error names.
MOST_REASONS = 10
_PLAN = "plan.json"

_log = logging.getLogger(__name__)


def synthesize(config: SynthesisConfig, options=None) -> dict:
    """Makes a dataset.

    Args:
        config: flags of the program. The output folder must not exist yet.
        options: Beam's options. Defaults to the direct runner, in this process.

    Returns:
        The manifest.

    Raises:
        UserError: the photographs or the options cannot be used.
        OSError: a file cannot be read or written.
    """
    check_judge(config.judge)
    load_catalog(config)
    output = epath.Path(config.output)
    if output.exists():
        raise UserError(f"{output} exists already; delete it to start again.")
    if network := parse_network(config.judge):
        from keras_lpips.weights.presets import fetch_backbone

        # Here once, rather than by all workers at a time.
        fetch_backbone(network[0])
    sources = _find_sources(config)
    folder = output.parent / f"{output.name}.incomplete"
    folder.mkdir(parents=True, exist_ok=True)
    found = _survey(sources, config.size, folder, options)
    _remove_stale_work(folder, config, found)

    features = make_synthetic_features(config.task)
    plan = make_plan(found.usable, config)
    _warn_if_part_is_empty(plan, len(found.usable), config.val_share)
    shards = {
        split: [
            _make_shard(folder, split, number, len(runs), run, features, config)
            for number, run in enumerate(runs)
        ]
        for split, runs in plan.items()
    }
    tasks = [shard for run in shards.values() for shard in run]
    forget_damaged(tasks)
    done = run_tasks(
        tasks,
        write_shard,
        options,
        load=load_libraries,
        counters=("triplets", "record_bytes"),
    )
    reports = {
        task.path: report for task, report in zip(tasks, done, strict=True)
    }
    _check_counts(config, reports)
    _write_metadata(folder, shards, reports, features, config)
    manifest = _make_manifest(config, found, shards, reports)
    text = json.dumps(manifest, indent=1) + "\n"
    (folder / "manifest.json").write_text(text)
    keep = {epath.Path(task.path).name for task in tasks}
    keep |= {"manifest.json", "dataset_info.json", "features.json"}
    for leftover in folder.iterdir():
        if leftover.name not in keep:
            leftover.unlink()
    folder.rename(output)
    return manifest


def _find_sources(config):
    """Returns the files and the least number of frames of each source."""
    wanted = ((config.photos, 0), (config.videos, MIN_FRAMES))
    return [(find_photographs(x), least) for x, least in wanted if x]


def _survey(sources, size, folder, options):
    usable, rejected = [], {}
    for files, min_frames in sources:
        found = survey(files, size, folder, options, min_frames)
        usable += found.usable
        rejected |= found.rejected
    if not usable:
        # A folder may hold thousands of other files.
        reasons = [f"{name} {reason}" for name, reason in rejected.items()]
        more = len(reasons) - MOST_REASONS
        listing = "; ".join(reasons[:MOST_REASONS])
        raise UserError(
            f"no photograph can be used: {listing}"
            + (f"; and {more} more." if more > 0 else ".")
        )
    return Survey(tuple(sorted(usable)), rejected)


def _remove_stale_work(folder, config, found):
    """Removes leftovers of a run with another config or photographs."""
    settings = dataclasses.asdict(config)
    # The photographs may be moved between runs.
    del settings["photos"], settings["videos"], settings["output"]
    text = json.dumps(
        {
            **settings,
            "photographs": [photograph.digest for photograph in found.usable],
            "bank": _bank_digest(config.bank),
            "versions": _versions(),
        },
        sort_keys=True,
    )
    plan_path = folder / _PLAN
    if plan_path.exists() and plan_path.read_bytes() == text.encode():
        return
    for leftover in folder.iterdir():
        leftover.unlink()
    plan_path.write_text(text)


def _warn_if_part_is_empty(splits, photographs, val_share):
    """Warns before the work if train or val gets no photograph."""
    if not 0 < val_share < 1:
        return
    parts = {split.partition("_")[0] for split in splits}
    for missing in sorted({"train", "val"} - parts):
        _log.warning(
            "There is no %s data: by chance none of the %d photographs is in "
            "that part; use more photographs or another --val-share.",
            missing,
            photographs,
        )


def _make_shard(folder, split, number, count, run, features, config):
    template = _template(folder, split)
    path = template.sharded_filepath(shard_index=number, num_shards=count)
    photographs, indices = zip(*run, strict=True)
    return Shard(
        path=str(path),
        file_format=FILE_FORMAT,
        features=features,
        photographs=photographs,
        indices=indices,
        config=config,
    )


def _template(folder, split):
    return tfds.core.ShardedFileTemplate(
        data_dir=folder,
        dataset_name=NAME,
        split=split,
        filetype_suffix=FILE_FORMAT,
    )


def _check_counts(config, reports):
    written = sum(report["triplets"] for report in reports.values())
    missing = [path for path in reports if not epath.Path(path).exists()]
    if written != config.triplets or missing:
        raise UserError(
            f"{written} triplets were written of {config.triplets}, and "
            f"{len(missing)} files are missing."
        )


def _write_metadata(folder, shards, reports, features, config):
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
            + describe_judge(config.judge)
        ),
        check_data=False,
    )


def _make_manifest(config, found: Survey, shards, reports):
    """Returns the manifest, without times, hosts or paths."""
    types: Counter[str] = Counter()
    subsets: Counter[str] = Counter()
    for report in reports.values():
        types.update(report["types"])
    for split, run in shards.items():
        subset = split.partition("_")[2]
        subsets[subset] += sum(reports[shard.path]["triplets"] for shard in run)
    side = config.size
    return {
        "task": config.task,
        "triplets": config.triplets,
        "seed": config.seed,
        "judge": config.judge,
        "judge_description": describe_judge(config.judge),
        "same_type_share": config.one_type_share,
        "sequence_share": config.sequence_share,
        "families": list(config.families),
        "own_algorithms": list(config.algorithm),
        "bank_sha256": _bank_digest(config.bank),
        "val_share": config.val_share,
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
                "part": find_part(photograph.digest, config.val_share),
                **({"frames": photograph.frames} if photograph.frames else {}),
            }
            for photograph in found.usable
        ],
        "skipped_photographs": found.rejected,
        FILES: {
            name: digest
            for report in reports.values()
            for name, digest in report[FILES].items()
        },
        "versions": _versions(),
    }


def _bank_digest(bank):
    """Returns the sha256 of the files of a bank, `None` without one."""
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
