"""What the steps have left, read for the page."""

import csv
import json


def read_json(path):
    """Returns what a JSON file holds."""
    return json.loads(path.read_text())


def read_csv(path) -> list[list[str]]:
    """Returns the rows of a CSV file, its header the first."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))
