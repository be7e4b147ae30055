"""What a triplet costs: the distortions alone, and the whole shard.

    python -m benchmarks.synthesis_rate --photos DIR

Prints processor time, which other programs on the machine change little, in
milliseconds for each triplet. The difference is reading photographs, PNG,
TFDS's records and their file. Measured on two shared cores, Kodak: traditional
1.07 and 2.05, algorithms 20.4 and 21.2. What Beam adds is the command's
processor time less that: 34.1 s for 20,000 traditional triplets in one
worker, starting included, so 1.7 a triplet.
"""

import argparse
import hashlib
import tempfile
import time
from functools import partial
from pathlib import Path

from pipelines.photographs.reading import BadPhotograph, read_photograph
from pipelines.photographs.survey import Photograph, find_photographs
from pipelines.synthesis.catalog import Catalog
from pipelines.synthesis.recipe import Style, draw_recipe
from pipelines.synthesis.shards import Shard, features_of

# Triplets of each photograph.
TRIPLETS = {"traditional": 40, "algorithms": 8}


def main() -> None:
    """Measures both families."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", required=True)
    where = parser.parse_args().photos
    photographs, pixels = [], []
    for name, path in find_photographs(where):
        data = Path(path).read_bytes()
        try:
            pixels.append(read_photograph(data, min_side=64))
        except BadPhotograph:
            continue
        digest = hashlib.sha256(data).hexdigest()
        photographs.append(Photograph(digest, name, path))
    for family, count in TRIPLETS.items():
        with tempfile.TemporaryDirectory() as folder:
            shard = Shard(
                path=f"{folder}/shard.tfrecord",
                file_format="tfrecord",
                features=features_of("2afc"),
                photographs=tuple(photographs),
                indices=(tuple(range(count)),) * len(photographs),
                catalog=Catalog((family,)),
                style=Style("2afc", 0.2, 64, 0),
                judge="none",
            )
            shard.prepare()
            shard.perform()  # Loads everything once.
            alone = _milliseconds(partial(_distort, shard, pixels), shard)
            whole = _milliseconds(shard.perform, shard)
        print(f"{family}: distortions {alone:.2f} ms, shard {whole:.2f} ms")


def _distort(shard, pixels):
    for photograph, indices, image in zip(
        shard.photographs, shard.indices, pixels, strict=True
    ):
        for index in indices:
            recipe = draw_recipe(
                photograph.digest, index, shard.catalog, shard.style
            )
            recipe.cook(image)


def _milliseconds(function, shard):
    start = time.process_time()
    function()
    spent = time.process_time() - start
    return 1000 * spent / sum(map(len, shard.indices))


if __name__ == "__main__":
    main()
