"""Runs a scoring job: plan, Beam tasks, counts, manifest.

All files are written atomically. `plan.json` records the settings;
`manifest.json`, written last, marks the output as complete.
"""

import functools
import json

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from keras_lpips.inference.provenance import describe
from keras_lpips.weights.presets import fetch_backbone
from keras_lpips_cli.errors import UserError
from keras_lpips_cli.state_files import parse_state
from pipelines.execution import check_options, forget_damaged, run_tasks
from pipelines.filesystems import (
    PARTIAL_PREFIX,
    exists,
    list_files,
    make_folder,
    read_bytes,
    remove_folder,
    write_bytes,
)
from pipelines.scoring.config import ModelConfig, ScoringConfig
from pipelines.scoring.model import Model
from pipelines.scoring.planning import MATCHED_LIST, make_plan
from pipelines.scoring.served_model import ServedModel, describe_server
from pipelines.scoring.shards import Shard, score_shard

PLAN, MANIFEST = "plan.json", "manifest.json"
# Failed pairs named in an error message; `failed-*.csv` lists all.
EXAMPLES = 20


class TooManyFailedPairsError(UserError):
    """More pairs failed than tolerated.

    Attributes:
        examples: the first failed pairs with their reasons, lines of CSV.
    """

    def __init__(self, message: str, examples: list[str]):
        super().__init__(message)
        self.examples = examples


def score(
    config: ScoringConfig, options: PipelineOptions | None = None
) -> dict:
    """Scores all pairs.

    Args:
        config: flags of the program.
        options: Beam's options. Defaults to the direct runner, in this process.

    Returns:
        The manifest.

    Raises:
        TooManyFailedPairsError: the shards are written, not the manifest.
        UserError: the input, the folder or the options cannot be used.
        OSError: input or output cannot be read or written.
    """
    options = options or PipelineOptions(flags=[])
    check_options(options)
    FileSystems.set_options(options)
    started = exists(config.output) or exists(_path(config, PLAN))
    if started and not config.resume:
        raise UserError(
            f"{config.output} exists already; resume it with --resume, or "
            "delete it to start again."
        )
    if not started:
        make_folder(config.output)
    try:
        plan = make_plan(config)
        record = {
            **(describe_weights(config) if not config.server else {}),
            **config.result_settings,
            **(describe_server(config) if config.server else {}),
            "shards": len(plan.spans),
            "input_digest": plan.digest,
        }
    except BaseException:
        if not started:
            remove_folder(config.output)
        raise
    # As JSON holds it: lists for tuples.
    record = json.loads(_to_json(record))
    _check_same(config, record)
    shards = [
        Shard(config.output, number, len(plan.spans), span)
        for number, span in enumerate(plan.spans)
    ]
    if started:
        forget_damaged(shards)
    reports = run_tasks(
        shards,
        score_shard,
        options,
        load=functools.partial(ServedModel, config, record["model_version"])
        if config.server
        else functools.partial(Model, config),
        counters=("scored", "failed"),
    )
    leftovers = list_files(_path(config, f"{PARTIAL_PREFIX}*"))
    if leftovers:
        FileSystems.delete(leftovers)
    return _finish(config, record, plan, shards, reports)


def describe_weights(config: ModelConfig) -> dict:
    """Returns the net, its version and digests.

    Downloads the backbone's weights once, before all workers need them.
    """
    fetch_backbone(config.net, config.version)
    return describe(*config.layer)


def _check_same(config, record):
    """Raises `UserError` if the folder was made with another config."""
    path = _path(config, PLAN)
    if not exists(path):
        # The matched list is written before the plan, which holds its digest.
        known = _path(config, MATCHED_LIST)
        other = [x for x in list_files(_path(config, "*")) if x != known]
        if other:
            raise UserError(
                f"{config.output} holds {other[0]} but no {PLAN}: it was not "
                "made by this command."
            )
        write_bytes(path, _to_json(record))
        return
    before = parse_state(read_bytes(path), path)
    changed = [
        name
        for name in sorted(before.keys() | record.keys())
        if before.get(name) != record.get(name)
    ]
    if "input_digest" in changed and set(changed) <= {"input_digest", "shards"}:
        raise UserError(
            f"{config.output} was made from other pairs: the list, or the "
            "records, have changed since."
        )
    if changed:
        name = changed[0]
        raise UserError(
            f"{config.output} was made with other settings: {name} was "
            f"{before.get(name)!r} and is {record.get(name)!r}."
        )


def _finish(config, record, plan, shards, reports):
    scored = sum(report["scored"] for report in reports)
    failed = sum(report["failed"] for report in reports)
    if failed > config.tolerate or not scored:
        raise TooManyFailedPairsError(
            f"{failed} of {scored + failed} pairs failed, and --tolerate "
            f"allows {config.tolerate}; they are in "
            f"{_path(config, 'failed-*.csv')}. The others are scored; --resume "
            "with a higher --tolerate completes the job.",
            _examples(shards, reports),
        )
    manifest = {
        **record,
        "scored": scored,
        "failed": failed,
        # Among the failed ones.
        **({"unmatched": plan.unmatched} if plan.unmatched else {}),
        **({"skipped": plan.skipped} if plan.unmatched else {}),
        "mean": sum(report["sum"] for report in reports) / scored,
    }
    write_bytes(_path(config, MANIFEST), _to_json(manifest))
    return manifest


def _examples(shards, reports):
    lines = []
    for shard, report in zip(shards, reports, strict=True):
        if report["failed"] and len(lines) < EXAMPLES:
            text = read_bytes(shard.path("failed", "csv")).decode(
                errors="replace"
            )
            lines += text.splitlines()[1:]
    return lines[:EXAMPLES]


def _path(config, name):
    return FileSystems.join(config.output, name)


def _to_json(value):
    return (json.dumps(value, indent=1) + "\n").encode()
