"""One request as a handler sees it: who asks, what is named, what is sent."""

from collections.abc import Collection
from dataclasses import dataclass

from connectors.sandbox.books import Body
from connectors.sandbox.errors import Refusal
from connectors.sandbox.police import Tree, decode


@dataclass(slots=True)
class Call:
    """A request. `tree` is the decoded form or query; `names` the ids in the path."""

    names: tuple[str, ...]
    tree: Tree

    def params(self, name: str, carried: Collection[str] | None = None) -> Body:
        """The parameters, policed by the SDK's type of this name.

        `carried`: those that the handler carries out. Another one is refused, for a
        parameter that is dropped without a word makes a test pass that should not.
        """
        params = decode(name, self.tree)
        if carried is not None:
            only(params, carried)
        return params

    @property
    def expand(self) -> tuple[str, ...]:
        """What the caller wants expanded."""
        wanted = self.tree.get("expand", {})
        return tuple(wanted.values()) if isinstance(wanted, dict) else ()

    def expandable(self, *fields: str) -> tuple[str, ...]:
        """What the caller wants expanded; refuses what this object does not offer."""
        for field in self.expand:
            if field not in fields:
                raise Refusal(
                    f"This property cannot be expanded ({field}).", param="expand"
                )
        return self.expand


def only(params: Body, carried: Collection[str], where: str = "{}") -> None:
    """Refuse a sound parameter that the stand-in does not carry out."""
    for name in params:
        if name not in carried and name != "expand":
            raise Refusal(
                f"The stand-in does not carry out {where.format(name)}; Stripe would",
                param=where.format(name),
            )
