"""Compares `read_triplets` with the bare decoding of PNGs.

    python -m benchmarks.read_bapps DATA CONFIG SPLIT

Both decode every patch of a prepared split, three times over; the better of
the last two is printed. 1,888 triplets of 64 x 64 pixels, two busy cores:

    bare decode        3975 images/s
    read               4173 images/s
    read, batches      4230 images/s
    read, cached      30972 images/s
"""

import argparse
import time

import tensorflow as tf
import tensorflow_datasets as tfds

from tfds_bapps import Builder, read_triplets
from tfds_bapps.source import layout

EPOCHS = 3
BATCH = 50


def measure_epoch(dataset) -> float:
    """Returns the seconds of the fastest epoch, without the first."""
    times = []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        for _ in dataset:
            pass
        times.append(time.perf_counter() - start)
    return min(times[1:])


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir")
    parser.add_argument("config")
    parser.add_argument("split")
    arguments = parser.parse_args()
    builder = Builder(data_dir=arguments.data_dir, config=arguments.config)
    patches = layout.TASKS[builder.builder_config.task].patches
    decoders = dict.fromkeys(patches, tfds.decode.SkipDecoding())
    options = {"split": arguments.split, "decoders": decoders}
    if builder.info.file_format is tfds.core.FileFormat.ARRAY_RECORD:
        encoded = builder.as_data_source(**options)
    else:
        encoded = builder.as_dataset(**options).as_numpy_iterator()
    files = [example[role] for example in encoded for role in patches]
    bare = tf.data.Dataset.from_tensor_slices(files).map(
        lambda png: tf.io.decode_png(png, 3), tf.data.AUTOTUNE
    )
    place = (arguments.config, arguments.split, arguments.data_dir)
    implementations = {
        "bare decode": bare.prefetch(tf.data.AUTOTUNE),
        "read": read_triplets(*place),
        "read, batches": read_triplets(*place, batch_size=BATCH),
        "read, cached": read_triplets(*place, batch_size=BATCH, cache=True),
    }
    for name, dataset in implementations.items():
        print(f"{name:14} {len(files) / measure_epoch(dataset):8.0f} images/s")


if __name__ == "__main__":
    main()
