"""Persons, as they are named in what they answer for; pure.

A name stands in the audit log for good, so nobody acts without one, and two spellings of one
name are not two persons.
"""

from unicodedata import normalize

NAME_MAX = 100  # characters


class Nameless(Exception):
    """Nobody can be held to this name; the text says what one looks like."""


def person(name: str, option: str = "--by") -> str:
    """A name as it is kept. Raises Nameless."""
    found = name.strip(" ")
    if not found:
        raise Nameless(f"{option}: the name is empty; say who it is")
    if not found.isprintable() or len(found) > NAME_MAX:
        raise Nameless(
            f"{option}: a name is 1 to {NAME_MAX} printable characters on one line"
        )
    return found


def same(one: str, other: str) -> bool:
    """Are these two spellings of one name?"""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return " ".join(normalize("NFKC", name).casefold().split())
