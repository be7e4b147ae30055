"""How to do it again, and how long it took."""

import shlex

from examples.markup import commands, heading, note, paragraph, table
from examples.sections.files import read_json
from examples.steps import read_state


def repetition(folder) -> list[str]:
    """How to do it again, and how long it took."""
    # In the order in which they were done; the page itself is the last.
    state = read_state(folder)
    rows = [
        [
            name,
            f"{held['seconds']:.1f}" if "seconds" in held else "",
            held["made"][:19],
        ]
        for name, held in state.items()
        if "made" in held
    ]
    versions = read_json(folder / "judgements" / "manifest.json")["versions"]
    return [
        heading("Do it again"),
        paragraph(
            "make demo does all of it, and uses what is there already. The "
            "steps, which can be given alone, too:"
        ),
        commands(
            "python " + shlex.join(held["command"])
            for held in state.values()
            if "command" in held
        ),
        table(["step", "seconds", "made"], rows, words=(0, 2)),
        note(", ".join(f"{name} {text}" for name, text in versions.items())),
    ]
