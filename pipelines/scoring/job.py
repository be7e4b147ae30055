"""The whole job: plan, score with Beam, count, and say what was made.

Every file of the output appears whole or not at all. Its `plan.json` says
what is being made; `manifest.json`, written last, that it is complete.
"""

import json
from dataclasses import asdict, dataclass

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from keras_lpips.inference.provenance import describe
from keras_lpips.weights.presets import fetch_backbone
from pipelines.execution import check_options, run_tasks
from pipelines.filesystems import (
    PARTIAL_PREFIX,
    exists,
    list_files,
    make_folder,
    read_bytes,
    remove_folder,
    write_bytes,
)
from pipelines.scoring.planning import MADE_LIST, plan
from pipelines.scoring.shards import Scoring, Shard, Style
from tfds_bapps.source.errors import PreparationError

PLAN, MANIFEST = "plan.json", "manifest.json"
# Bad pairs that are named; all of them are in the files.
EXAMPLES = 20


class TooManyBad(PreparationError):
    """More pairs are bad than tolerated.

    Attributes:
        examples: the first bad pairs with their reasons, lines of CSV.
    """

    def __init__(self, message, examples):
        super().__init__(message)
        self.examples = examples


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        pairs: see `plan`.
        output: folder of the scores.
        style: how pairs are scored.
        shard_pairs: pairs of a list in each shard.
        tolerate: how many bad pairs are left out instead of failing.
        resume: whether the folder may hold what a stopped run has left.
        threads: of TensorFlow in each process; 0 leaves them to it.
    """

    pairs: str
    output: str
    style: Style
    shard_pairs: int
    tolerate: int
    resume: bool
    threads: int

    def check(self) -> None:
        """Raises `PreparationError` for what cannot be made."""
        for flag, value, least in (
            ("--shard-pairs", self.shard_pairs, 1),
            ("--batch-pixels", self.style.batch_pixels, 1),
            ("--tolerate", self.tolerate, 0),
            ("--threads", self.threads, 0),
        ):
            if value < least:
                raise PreparationError(
                    f"{flag} must be at least {least}. Received: {value}"
                )


def score(order: Order, options: PipelineOptions | None = None) -> dict:
    """Scores all pairs.

    Args:
        order: what is to be made.
        options: Beam's options.

    Returns:
        The manifest.

    Raises:
        TooManyBad: the shards are written, but the manifest is not.
        PreparationError: one sentence.
        OSError: input or output cannot be used.
    """
    order.check()
    options = options or PipelineOptions(flags=[])
    check_options(options)
    FileSystems.set_options(options)
    begun = exists(order.output) or exists(_at(order.output, PLAN))
    if begun and not order.resume:
        raise PreparationError(
            f"{order.output} is there already; --resume goes on with it, or "
            "delete it to start anew."
        )
    if not begun:
        make_folder(order.output)
    try:
        planned = plan(order.pairs, order.shard_pairs, order.output)
        settings = _settings(order, planned)
    except BaseException:
        if not begun:
            remove_folder(order.output)
        raise
    _check_same(order.output, settings)
    shards = [
        Shard(order.output, number, len(planned.spans), span)
        for number, span in enumerate(planned.spans)
    ]
    work = Scoring(order.style, order.threads)
    reports = run_tasks(
        shards,
        work.perform,
        options,
        load=work.load,
        counters=("scored", "bad"),
    )
    leftovers = list_files(_at(order.output, f"{PARTIAL_PREFIX}*"))
    if leftovers:
        FileSystems.delete(leftovers)
    return _finish(order, settings, planned.unmatched, shards, reports)


def _settings(order, planned):
    """What the scores depend on, as JSON holds it."""
    style = order.style
    # Fetched once, here, and not by all workers at a time.
    fetch_backbone(style.net)
    rest = asdict(style)
    for name in ("net", "version", "calibrated"):
        rest.pop(name)
    return json.loads(
        json.dumps(
            {
                **describe(style.net, style.version, style.calibrated),
                **rest,
                "shard_pairs": order.shard_pairs,
                "shards": len(planned.spans),
                "input_digest": planned.digest,
            }
        )
    )


def _check_same(output, settings):
    """Raises unless what lies in the folder was made with the same settings."""
    path = _at(output, PLAN)
    if not exists(path):
        # The list is written before the plan, which holds its digest.
        known = _at(output, MADE_LIST)
        strange = [x for x in list_files(_at(output, "*")) if x != known]
        if strange:
            raise PreparationError(
                f"{output} holds {strange[0]} but no {PLAN}: it was not made "
                "by this command."
            )
        write_bytes(path, _json(settings))
        return
    before = json.loads(read_bytes(path))
    changed = [
        name
        for name in sorted(before.keys() | settings.keys())
        if before.get(name) != settings.get(name)
    ]
    if "input_digest" in changed and set(changed) <= {"input_digest", "shards"}:
        raise PreparationError(
            f"{output} was made from other pairs: the list, or the records, "
            "have changed since."
        )
    if changed:
        name = changed[0]
        raise PreparationError(
            f"{output} was made with other settings: {name} was "
            f"{before.get(name)!r} and is {settings.get(name)!r}."
        )


def _finish(order, settings, unmatched, shards, reports):
    scored = sum(report["scored"] for report in reports)
    bad = sum(report["bad"] for report in reports)
    if bad > order.tolerate or not scored:
        raise TooManyBad(
            f"{bad} of {scored + bad} pairs are bad, and --tolerate allows "
            f"{order.tolerate}; they are in {_at(order.output, 'bad-*.csv')}. "
            "The others are scored; --resume with a higher --tolerate ends "
            "the job.",
            _examples(shards, reports),
        )
    manifest = {
        **settings,
        "scored": scored,
        "bad": bad,
        # Among the bad ones.
        **({"unmatched": unmatched} if unmatched else {}),
        "mean": sum(report["sum"] for report in reports) / scored,
    }
    write_bytes(_at(order.output, MANIFEST), _json(manifest))
    return manifest


def _examples(shards, reports):
    lines = []
    for shard, report in zip(shards, reports, strict=True):
        if report["bad"] and len(lines) < EXAMPLES:
            text = read_bytes(shard.path_of("bad", "csv")).decode(
                errors="replace"
            )
            lines += text.splitlines()[1:]
    return lines[:EXAMPLES]


def _at(output, name):
    return FileSystems.join(output, name)


def _json(value):
    return (json.dumps(value, indent=1) + "\n").encode()
