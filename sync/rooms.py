"""The three rooms have one owner: another package by the same name would replace our code.

A foreign wheel that ships `state/` writes over ours without a word from pip
(docs/decisions/0001-flat-rooms.md); so we look before we work.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import packages_distributions

ROOMS = ("state", "connectors", "sync")
OWNER = "tieout"


def problem(
    owners_of: Callable[[], Mapping[str, list[str]]] = packages_distributions,
) -> str:
    """What is wrong with who owns the rooms; '' when nothing is.

    A checkout that is not installed owns nothing, and nothing can have replaced it.
    """
    owners = owners_of()
    for room in ROOMS:
        strangers = sorted(set(owners.get(room, [])) - {OWNER})
        if strangers:
            return (
                f"the package {', '.join(strangers)} also ships {room}/, which may have "
                "replaced Tieout's own; install Tieout in an environment of its own"
            )
    return ""
