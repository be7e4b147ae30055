import csv
from collections import Counter

from tfds_bapps.source import layout, published

TRAIN, VAL, _ = published.ARCHIVES


def everything(split):
    return True


def test_the_counts_of_the_paper_add_up():
    counts = published.COUNTS["2afc"]
    train = sum(n for split, n in counts.items() if split.startswith("train"))
    assert train == 151_300
    assert sum(counts.values()) - train == 36_344


def test_exact_counts_are_exact_and_rounded_ones_have_their_rounding():
    counts = dict(published.COUNTS["2afc"])
    assert published.count_errors(VAL, counts, everything) == []
    counts["val_color"] -= 1
    counts["train_mix"] += 50
    assert published.count_errors(TRAIN, counts, everything) == []
    assert published.count_errors(VAL, counts, everything) == [
        "val_color has 4719 triplets, 4720 are published"
    ]
    counts["train_mix"] += 1
    assert published.count_errors(TRAIN, counts, everything) == [
        "train_mix has 56651 triplets, about 56600 are published"
    ]


def test_counts_and_votes_are_those_of_the_real_judgements(shared_data):
    path = shared_data / "judgements" / "bapps_2afc_val.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    counts = Counter(f"val_{row['subset']}" for row in rows)
    assert published.count_errors(VAL, counts, everything) == []
    votes = layout.TWOAFC.votes["val"]
    shares = {float(row["judge"]) * votes for row in rows}
    assert all(abs(share - round(share)) < 1e-6 for share in shares)
