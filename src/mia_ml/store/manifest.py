"""Which vendor files a directory of tables was made from: `_manifest.json`.

It holds no time and no machine's name, so the same ingest gives the same bytes. It is written before the day files and
again after them: a killed run is recognised by `complete: false` and may be repeated, another ingest may not cover its
days.
"""

import functools
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mia_ml.core.errors import TableError

NAME = "_manifest.json"
VERSION = 1
CHUNK = 1 << 20


@dataclass
class Source:
    """A vendor file as it was read."""

    name: str
    records: int
    quarantined: int
    error: str = ""


@dataclass
class Manifest:
    """sources: by content fingerprint. days: 'trades/ESH4/2023-12-26' to the fingerprints of its files, in order."""

    sources: dict[str, Source] = field(default_factory=dict)
    days: dict[str, list[str]] = field(default_factory=dict)
    complete: bool = True

    def write(self, root: Path) -> None:
        write_json(root / NAME, {"version": VERSION} | asdict(self))

    def add(self, other: "Manifest") -> "Manifest":
        """This manifest with another ingest's sources and days; what no day comes from any more is forgotten."""
        days = self.days | other.days
        used = {source for sources in days.values() for source in sources} | set(other.sources)
        sources = {name: source for name, source in (self.sources | other.sources).items() if name in used}
        return Manifest(sources, days)

    def conflict(self, new: "Manifest", existing: set[str]) -> str:
        """Why `new` may not be written here, or nothing. existing: the days on disk.

        A day may be written again from the files it was made of and further ones; a file that could not be read to
        its end may be replaced by one of the same name.
        """
        replaced = {source.name for source in new.sources.values()}
        for day, sources in sorted(new.days.items()):
            if day in existing and day not in self.days:
                return (
                    f"{day} is there already and was not written by mia ingest: choose another --out or remove the file"
                )
            lost = [
                self.sources[old]
                for old in self.days.get(day, ())
                if old not in sources and not (self.sources[old].error and self.sources[old].name in replaced)
            ]
            if lost and day in existing:
                return (
                    f"{day} was written from {lost[0].name}, which is not among these files or has changed: "
                    "give all files of that day together, choose another --out, or remove the day"
                )
        return ""


def write_json(path: Path, content: dict) -> None:
    """Whole or not at all; the same content gives the same bytes."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    os.replace(beside, path)


def read(root: Path) -> Manifest:
    """The manifest of a directory; an empty one where there is none."""
    path = Path(root) / NAME
    try:
        content = json.loads(path.read_text())
        if content.pop("version") != VERSION:
            raise TableError(f"{path}: written by another version of mia-ml: ingest into another --out")
        sources = {name: Source(**source) for name, source in content.pop("sources").items()}
        return Manifest(sources=sources, **content)
    except FileNotFoundError:
        return Manifest()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TableError(f"{path}: not a manifest of mia ingest ({error}): ingest into another --out") from error


def fingerprint(file: str) -> str:
    """Sixteen hex digits of a file's content; of the text itself where it names no file (a simulated world).

    `archive.zip:member` is the content of the archive and the name of the member.
    """
    path, _, member = file.partition(".zip:")
    if member and Path(path := f"{path}.zip").is_file():
        return hashlib.blake2b(f"{_content(path)}:{member}".encode(), digest_size=8).hexdigest()
    if Path(file).is_file():
        return _content(file)
    return hashlib.blake2b(file.encode(), digest_size=8).hexdigest()


def _content(file: str) -> str:
    state = Path(file).stat()
    return _content_of_version(file, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=8)  # the members of an archive ask for the same file one after the other
def _content_of_version(file: str, mtime_ns: int, size: int) -> str:
    digest = hashlib.blake2b(digest_size=8)
    with Path(file).open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
