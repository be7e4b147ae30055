"""What was exported, and what it says."""

from examples.markup import heading, paragraph, table
from examples.photographs import KINDS
from examples.sections.files import read_json


def export(folder) -> list[str]:
    """What was exported, and what it says."""
    model = folder / "models" / "lpips_alex" / "1"
    card = read_json(model / "assets.extra" / "card.json")
    scores = read_json(folder / "scores.json")
    parity = card["parity"]
    run = card["training_run"]
    score = ", ".join(
        f"{name.removesuffix('_2afc')} {value:.1f} %"
        for name, value in run["score"].items()
    )
    facts = {
        "net": f"{card['net']}, {card['metric']}",
        "range": f"float32 in {card['value_range']['float32']}; uint8 in "
        f"{card['value_range']['uint8']}; files, PNG or JPEG",
        "trained by": f"{run['recipe']}, {run['epochs']} epochs on "
        f"{run['data']}",
        "judgements": run["judgements"],
        "2AFC at its end": score,
        "difference from the layer": f"{parity['largest_difference']:.1g}; of "
        f"the preference {parity['largest_difference_of_preference']:.1g}",
        "digest of its settings": run["settings_digest"],
        "digest of the backbone": card["backbone_digest"],
        "digest of the heads": card["heads_digest"],
        "signatures": ", ".join(card["signatures"]),
    }
    return [
        heading("Exported, and used without Keras"),
        paragraph(
            "A SavedModel that TensorFlow alone runs, in Python or in a "
            "server. Its card says what it is:"
        ),
        table(["", ""], facts.items(), words=(0, 1), wrapped=(1,)),
        paragraph(
            "The photographs above, sent to it as PNG files; and the "
            "probability, by the ranking head that was trained with it, that "
            "a judge calls the bent copy closer:"
        ),
        table(
            ["photograph", *KINDS, "bent preferred"],
            [
                [name, *(f"{x:.4f}" for x in found.values())]
                for name, found in scores.items()
            ],
        ),
    ]
