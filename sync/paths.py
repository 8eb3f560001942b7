"""The names of documents: which kind a path is, and in which edition of that kind it lives.

Triggers mark, and the API answers, a document by its plain path `users/{uid}/{kind}/{id}`, whatever shapes live. The
first edition of a kind lives at that very path, edition N at `users/{uid}/{kind}_vN/{id}`: a collection of its own,
with rules and indexes of its own. A mark on `{kind}_vN` (for N = 1 too) means that edition alone. Pure string work.
Called by projection.py's callers that know shapes, by encode.py, plan.py and rounds.py.
"""

from __future__ import annotations

import re

_EDITION = re.compile(r"([a-z]+)_v([1-9][0-9]{0,8})")


def collection(kind: str, edition: int) -> str:
    """Where documents of this edition live."""
    return kind if edition == 1 else f"{kind}_v{edition}"


def edition_of(name: str) -> tuple[str, int] | None:
    """Kind and edition of a collection's name that carries an edition; None for a plain name."""
    found = _EDITION.fullmatch(name)
    return None if found is None else (found.group(1), int(found.group(2)))


def kind_of(path: str) -> str:
    """A document's kind, whatever its edition; "" for a head."""
    segments = path.split("/", 3)
    return segments[2].partition("_v")[0] if len(segments) > 2 else ""


def plain(path: str) -> str:
    """The path by which triggers and the API name this document."""
    if "_v" not in path:
        return path
    segments = path.split("/")
    found = edition_of(segments[2]) if len(segments) == 4 else None
    return path if found is None else "/".join((*segments[:2], found[0], segments[3]))


def moved(path: str, edition: int) -> str:
    """Where the document of a plain path lives in this edition."""
    if edition == 1:
        return path
    owner, user, kind, name = path.split("/")
    return f"{owner}/{user}/{kind}_v{edition}/{name}"


def names_of(place: str) -> list[str]:
    """Every name by which a mark may ask for the document at this place."""
    bare = plain(place)
    if kind_of(place) == "" or bare.count("/") != 3:
        return [place]
    owner, user, kind, name = bare.split("/")
    named = edition_of(place.split("/")[2])
    return [bare, f"{owner}/{user}/{kind}_v{1 if named is None else named[1]}/{name}"]
