"""Tools to damage a bundle: edits of what a file says, with every sha256 and the seal made to fit again or not."""

import hashlib
import json
import pickle
import struct

from mia_ml.scoring import arrays, manifest

FILES = (manifest.NAME, manifest.ARRAYS, manifest.GOLDEN)


def as_json(values):
    return (json.dumps(values, indent=1) + "\n").encode()


def read(folder):
    return json.loads((folder / manifest.NAME).read_text())


def reseal(folder, values=None):
    """Make the manifest fit its files and itself again, as no accident does."""
    values = read(folder) if values is None else values
    for name in values["files"]:
        if (folder / name).is_file():
            values["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    values.pop("seal", None)
    values["seal"] = hashlib.sha256(as_json(values)).hexdigest()
    (folder / manifest.NAME).write_bytes(as_json(values))


def said(*path, to, sealed=True):
    """A damage: what the manifest says at a path of keys becomes `to`, or what `to` makes of it."""

    def damage(folder):
        values = read(folder)
        section = values
        for key in path[:-1]:
            section = section[key]
        section[path[-1]] = to(section[path[-1]]) if callable(to) else to
        if sealed:
            reseal(folder, values)
        else:
            (folder / manifest.NAME).write_bytes(as_json(values))

    return damage


def manifest_text(change):
    """A damage: the manifest's bytes become what `change` makes of them, its seal with them where it still reads."""

    def damage(folder):
        path = folder / manifest.NAME
        path.write_bytes(change(path.read_bytes()))

    return damage


def held(name, change, file=manifest.ARRAYS):
    """A damage: an array becomes what `change` makes of a copy of it; None takes it away."""

    def damage(folder):
        path = folder / file
        found = arrays.from_bytes(path.read_bytes(), file)
        changed = change(found.pop(name).copy() if name in found else None)
        path.write_bytes(arrays.to_bytes(found if changed is None else found | {name: changed}))
        reseal(folder)

    return damage


def put(position, value):
    """For `held`: one entry becomes another."""

    def change(array):
        array[position] = value
        return array

    return change


def file_bytes(change, file=manifest.ARRAYS, sealed=True):
    """A damage: a file's bytes become what `change` makes of them."""

    def damage(folder):
        path = folder / file
        path.write_bytes(change(path.read_bytes()))
        if sealed:
            reseal(folder)

    return damage


def header(change, file=manifest.ARRAYS):
    """A damage: the JSON header of a safetensors file becomes what `change` makes of it, its length with it."""

    def damaged(data):
        size = struct.unpack("<Q", data[:8])[0]
        changed = change(json.loads(data[8 : 8 + size]))
        text = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        return struct.pack("<Q", len(text)) + text + data[8 + size :]

    return file_bytes(damaged, file)


class Planted:
    """Whoever unpickles it leaves a marker behind."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


def planted(folder):
    """A pickle that would leave the file `marker` beside the folder."""
    return pickle.dumps(Planted(folder.parent / "marker"))


def change(folder, edit, sealed=True):
    """Edit the manifest's values, with the seal and the sha256 of the files made to fit again, as no accident does."""
    values = read(folder)
    edit(values)
    if sealed:
        reseal(folder, values)
    else:
        (folder / manifest.NAME).write_bytes(as_json(values))
