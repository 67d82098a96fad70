"""One request as a handler sees it: who asks, what is named, what is sent."""

from dataclasses import dataclass

from connectors.sandbox.books import Body
from connectors.sandbox.police import Tree, decode


@dataclass(slots=True)
class Call:
    """A request. `tree` is the decoded form or query; `names` the ids in the path."""

    method: str
    path: str
    names: tuple[str, ...]
    tree: Tree
    request_id: str
    key: str | None = None

    def params(self, name: str) -> Body:
        """The parameters, policed by the SDK's type of this name; `expand` is taken off."""
        return decode(name, self.tree)

    @property
    def expand(self) -> tuple[str, ...]:
        """What the caller wants expanded."""
        wanted = self.tree.get("expand", {})
        return tuple(wanted.values()) if isinstance(wanted, dict) else ()
