"""Measures preparing BAPPS at its full count, with tiny patches.

    python -m benchmarks.prepare_bapps FOLDER [--fraction 0.1]

Makes the archives of `benchmarks.inputs.synthetic_bapps` in FOLDER and
prepares them in this process, in two processes, and by a plain Python loop
that reads, checks and writes the same triplets.

187,644 triplets on two quiet AVX-512 cores; memory counts pages that processes
share once for each:

    in process       77.2 s,   76.0 s of CPU, peak   982 MiB
    two processes    58.4 s,   84.6 s of CPU, peak  2324 MiB
    plain loop       50.6 s,   49.8 s of CPU, peak  1194 MiB

That is 2,430, 3,210 and 3,710 triplets per second. The loop does not count,
compare with the sources, compute digests or resume. TensorFlow and Beam alone
take about 840 MiB. The index of 187,644 triplets has 54 bytes for each (10 MB);
with its copies on the way to the workers the peak grows by 0.8 KB for each
triplet.
"""

import argparse
import io
import resource
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from benchmarks.inputs.synthetic_bapps import write_archives
from tfds_bapps.source import layout

IMPLEMENTATIONS = {
    "in process": ["pipelines.prepare_bapps"],
    "two processes": ["pipelines.prepare_bapps"],
    "plain loop": ["benchmarks.prepare_bapps", "--loop"],
}
BEAM = {
    "two processes": [
        "--direct_running_mode=multi_processing",
        "--direct_num_workers=2",
    ]
}


def measure(command: list[str]) -> tuple[float, float, float]:
    """Returns seconds, CPU seconds and peak MiB of a command's processes."""
    start = time.perf_counter()
    cpu_before = _cpu_seconds()
    program = psutil.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peak = 0
    while program.poll() is None:
        peak = max(peak, _resident(program))
        time.sleep(0.2)
    if program.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    seconds = time.perf_counter() - start
    return seconds, _cpu_seconds() - cpu_before, peak / 2**20


def _cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _resident(program):
    total = 0
    try:
        for process in (program, *program.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.Error:
        pass  # It has just ended.
    return total


def loop(folder: Path, target: Path) -> int:
    """Prepares by a plain loop over the archives; returns the triplets."""
    import tensorflow as tf

    count = 0
    for archive in sorted(folder.glob("*.tar")):
        with tarfile.open(archive) as tar:
            places = {}
            for member in tar:
                place = layout.parse_path(
                    member.name, layout.Folder("2afc", None)
                )
                subset = places.setdefault(place.folder, {})
                subset.setdefault(place.name, {})[place.role] = member
            for place, triplets in places.items():
                name = str(place).replace("/", "_")
                with tf.io.TFRecordWriter(str(target / name)) as writer:
                    for _, members in sorted(triplets.items()):
                        record = _record(tar, members)
                        writer.write(record.SerializeToString())
                        count += 1
    return count


def _record(tar, members):
    import tensorflow as tf

    features = {}
    for role in layout.TWOAFC.patches:
        data = tar.extractfile(members[role]).read()
        Image.open(io.BytesIO(data)).load()
        value = tf.train.BytesList(value=[data])
        features[role] = tf.train.Feature(bytes_list=value)
    data = tar.extractfile(members["judge"]).read()
    judge = np.load(io.BytesIO(data), allow_pickle=False)
    value = tf.train.FloatList(value=judge)
    features["judge"] = tf.train.Feature(float_list=value)
    return tf.train.Example(features=tf.train.Features(feature=features))


def compare(folder: Path, fraction: float) -> None:
    """Makes the archives and measures all implementations."""
    archives = folder / "archives"
    archives.mkdir()
    write_archives(archives, fraction)
    if fraction < 1:
        # Archives with published names must have the published counts.
        for path in list(archives.iterdir()):
            path.rename(path.with_name(path.name.replace("twoafc", "part")))
    for name, module in IMPLEMENTATIONS.items():
        target = folder / name.replace(" ", "_")
        target.mkdir()
        command = [sys.executable, "-m", *module, "--data-dir", str(target)]
        command += ["--source", str(archives)]
        if name != "plain loop":
            command += ["--config", "twoafc", "--", *BEAM.get(name, [])]
        seconds, cpu, peak = measure(command)
        print(
            f"{name:14} {seconds:6.1f} s, {cpu:6.1f} s of CPU, "
            f"peak {peak:5.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--fraction", type=float, default=1.0)
    parser.add_argument("--loop", action="store_true")
    parser.add_argument("--source", type=Path)
    parser.add_argument("--data-dir", type=Path)
    arguments = parser.parse_args()
    if arguments.loop:
        print(loop(arguments.source, arguments.data_dir))
    else:
        compare(arguments.folder, arguments.fraction)
