"""Scores every image of a folder against the image of its name in another.

    python -m examples.score_folder REFERENCES DISTORTED distances.csv

Writes the LPIPS distance of each pair, the largest first. `keras-lpips folders`
does the same with batches, resuming and a report of files that failed.
"""

import csv
import sys
from pathlib import Path

from keras_lpips import ImageError, distance

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


def main(argv=None) -> int:
    """Scores the pairs and returns the exit status."""
    references, distorted, output = map(
        Path, sys.argv[1:] if argv is None else argv
    )
    names = sorted(
        path.name
        for path in references.iterdir()
        if path.suffix.lower() in SUFFIXES and (distorted / path.name).exists()
    )
    rows = []
    for name in names:
        try:
            value = distance(references / name, distorted / name, net="alex")
        except ImageError as error:
            # The message names the file and the reason.
            print(f"skipped: {error}", file=sys.stderr)
            continue
        rows.append((name, value))
    rows.sort(key=lambda row: row[1], reverse=True)
    with open(output, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "distance"])
        writer.writerows(rows)
    if not rows:
        print("No pair could be scored.", file=sys.stderr)
        return 1
    name, value = rows[0]
    print(f"{len(rows)} pairs; the largest distance: {name}, {value:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
