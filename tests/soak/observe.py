"""What the kernel shows of the broker's process."""

import collections
import os
import pathlib

Reading = collections.namedtuple("Reading", "resident_kib mappings libraries descriptors threads copies")


def resident_kib(process):
    """The kernel's exact sum: the one in statm is behind by some pages for each thread."""
    for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1])
    raise AssertionError("smaps_rollup shows no Rss")


def private_folder(process):
    """Where the private copies are: the folder of a mapped copy."""
    for line in pathlib.Path(f"/proc/{process}/maps").read_text().splitlines():
        path = line.partition("/")[2]
        if "/graftmq-" in "/" + path:
            return pathlib.Path("/" + path.removesuffix(" (deleted)")).parent
    return None


def read(process):
    mappings = pathlib.Path(f"/proc/{process}/maps").read_text().splitlines()
    folder = private_folder(process)
    return Reading(
        resident_kib=resident_kib(process),
        mappings=len(mappings),
        libraries=len({line.split()[-1] for line in mappings if "/graftmq-" in line}),
        descriptors=len(os.listdir(f"/proc/{process}/fd")),
        threads=len(os.listdir(f"/proc/{process}/task")),
        copies=len([name for name in os.listdir(folder) if name != "lock"]) if folder and folder.exists() else 0,
    )


def slope(points):
    """Of the straight line that fits (x, y) points best; 0 if there are less than two."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
