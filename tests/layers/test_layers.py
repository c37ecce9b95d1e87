"""Rooms look down only: reads every #include in core/ and fails on one that points up."""

import pathlib
import re

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CORE = REPOSITORY / "core"

# From the ground up. main.c, outside of all rooms, may include any.
ROOMS = ["base", "mqtt", "config", "plugin", "broker", "net", "isolate", "worker", "control", "api", "host"]

# One door for each outside thing: header -> where it may be included.
DOORS = {
    "jansson.h": ["config", "control"],  # the file, and requests of graftctl
    "ev.h": ["net", "worker", "control", "api", "host"],
    "dlfcn.h": ["plugin"],
    "xxhash.h": ["base"],
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def room_of(path):
    first = path.split("/")[0]
    return first if "/" in path and (CORE / first).is_dir() else None


def includes():
    """(file, room, quoted or None, bracketed or None) of everything below core/."""
    for file in sorted(CORE.rglob("*.[ch]")) + sorted(CORE.rglob("*.def")):
        name = file.relative_to(CORE).as_posix()
        for quoted, bracketed in INCLUDE.findall(file.read_text()):
            yield name, room_of(name), quoted, bracketed


def test_every_room_has_its_place():
    assert {path.name for path in CORE.iterdir() if path.is_dir()} <= set(ROOMS)
    assert {name for name, room, _, _ in includes() if room is None} <= {"main.c"}


def test_no_arrow_points_up():
    wrong = []
    for name, room, quoted, _ in includes():
        target = quoted and room_of(quoted)
        if quoted and target is None and room is not None:
            wrong.append(f'core/{name}: #include "{quoted}" does not name its room')
        if room and target and ROOMS.index(target) > ROOMS.index(room):
            wrong.append(f'core/{name}: {room}/ must not know {target}/ (#include "{quoted}")')
    assert not wrong, "\n".join(wrong)


def test_outside_things_have_one_door_each():
    wrong = [f"core/{name}: <{bracketed}> belongs to {', '.join(each + '/' for each in DOORS[bracketed])}"
             for name, room, _, bracketed in includes() if bracketed in DOORS and room and room not in DOORS[bracketed]]
    assert not wrong, "\n".join(wrong)


def test_plugins_see_the_public_interface_only():
    wrong = []
    for file in sorted((REPOSITORY / "plugins").rglob("*.[ch]")):
        for quoted, bracketed in INCLUDE.findall(file.read_text()):
            beside = quoted and (file.parent / quoted).exists()
            if quoted and not beside:
                wrong.append(f'{file.relative_to(REPOSITORY)}: #include "{quoted}" is not part of the plugin')
            if bracketed and bracketed.split("/")[0] in ROOMS:
                wrong.append(f"{file.relative_to(REPOSITORY)}: <{bracketed}> is private to the broker")
    assert not wrong, "\n".join(wrong)


def test_the_public_interface_stands_alone():
    wrong = [f"{file.relative_to(REPOSITORY)}: {quoted or bracketed}"
             for file in sorted((REPOSITORY / "include").rglob("*.h"))
             for quoted, bracketed in INCLUDE.findall(file.read_text())
             if not re.fullmatch(r"graftmq/\w+\.h|std\w+\.h|string\.h", bracketed)]
    assert not wrong, "\n".join(wrong)
