"""The table of distances and the heat maps."""

from examples.distances import SIMILARITIES
from examples.markup import heading, note, paragraph, pictures, table
from examples.photographs import CENTRES, KINDS
from examples.sections.files import read_csv, read_json

DIGITS = {"L2": 5, "PSNR": 2, "SSIM": 4}


def distances(folder) -> list[str]:
    """The table of distances and the heat maps."""
    header, *rows = read_csv(folder / "distances" / "distances.csv")
    about = read_json(folder / "distances" / "distances.json")
    shown, best = [], set()
    for i, (name, kind, *numbers) in enumerate(rows):
        shown.append([name, kind])
        for j, (metric, number) in enumerate(
            zip(header[2:], numbers, strict=True), start=2
        ):
            shown[i].append(f"{float(number):.{DIGITS.get(metric, 4)}f}")
            if metric in about["closer"][name][kind]:
                best.add((i, j))
    grown = " and ".join(SIMILARITIES)
    return [
        heading("Blurred or bent: which copy looks closer?"),
        paragraph(
            "Each photograph once blurred, once bent by three pixels at most. "
            "To people the bent copy of such a pair looks closer to the "
            "photograph (the paper's figure 1). The table distinguishes the "
            f"copy that each metric calls closer; {grown} grow as images "
            "become alike, the others fall."
        ),
        table(header, shown, words=(0, 1), best=best),
        *(note(f"Left out: {sentence}") for sentence in about["left_out"]),
        *(_maps(name, header, rows, about["map_net"]) for name in CENTRES),
        note(
            f"The maps show where LPIPS {about['map_net']} sees a difference: "
            "black is none, the brightest is "
            f"{about['map_highest']:.2f} for a pixel, on all of them alike."
        ),
    ]


def _maps(name, header, rows, net):
    column = header.index(f"LPIPS {net}")
    captions = {f"distances/{name}_reference.png": name}
    for kind in KINDS:
        (distance,) = (
            float(row[column]) for row in rows if row[:2] == [name, kind]
        )
        captions[f"distances/{name}_{kind}.png"] = kind
        captions[f"distances/{name}_{kind}_map.png"] = (
            f"LPIPS, {kind}: {distance:.3f}"
        )
    return pictures(captions)
