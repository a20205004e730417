#!/usr/bin/env python3
"""Fails when a file includes a room that src/ROOMS does not allow its own room to include."""
import pathlib
import re
import sys

SRC = pathlib.Path(__file__).parents[1] / "src"
rooms, bad = {}, []
for line in (SRC / "ROOMS").read_text().splitlines():
    if not line or line[0] == "#":
        continue
    name, _, allowed = line.partition(":")
    unknown = set(allowed.split()) - set(rooms)  # a room may only name rooms listed above it
    bad += [f"ROOMS: {name} names {room}, which is not above it" for room in sorted(unknown)]
    rooms[name] = set(allowed.split()) | {name}
for path in sorted(SRC.rglob("*.[hc]*")):
    room = path.relative_to(SRC).parts[0]
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
        if found and found[1] not in rooms.get(room, ()):
            bad.append(f"{path.relative_to(SRC)}:{number}: {room} may not include {found[1]}")
print("\n".join(bad) or f"{len(rooms)} rooms, no forbidden include")
sys.exit(bool(bad))
