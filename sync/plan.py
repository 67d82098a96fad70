"""The plan: what a pass would do, as a list with a hash, for a person to approve."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

from state.money import display
from state.pushes import PushRecord, PushState
from state.store import Store


class PlanMoved(Exception):
    """The world is no longer as the plan found it; make a new plan and look again."""


class PlanUnreadable(Exception):
    """The file is not a plan that `tieout plan --json` wrote."""


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """One thing a pass would do outside."""

    kind: str  # push, resume, map
    core_invoice_id: str
    customer: str
    currency: str
    amount_minor: int
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The actions in a fixed order, and the hash that names exactly this list."""

    actions: tuple[PlannedAction, ...]
    hash: str

    def to_json(self) -> str:
        """The file that `tieout sync --plan` reads."""
        body = {"hash": self.hash, "actions": [asdict(action) for action in self.actions]}
        return json.dumps(body, indent=2, sort_keys=True) + "\n"


def plan_of(store: Store, records: Sequence[PushRecord]) -> Plan:
    """The plan for these open pushes."""
    customers = store.customers_by_id({record.core_customer_id for record in records})
    actions = []
    for record in records:
        customer = customers.get(record.core_customer_id)
        name = customer.name if customer is not None else record.core_customer_id
        amount = display(record.pushed_minor, record.currency)
        kind, verb = _verb(record)
        what = f"{record.core_invoice_id} for {name}: {amount} {record.currency}"
        actions.append(
            PlannedAction(
                kind=kind,
                core_invoice_id=record.core_invoice_id,
                customer=name,
                currency=record.currency,
                amount_minor=record.pushed_minor,
                text=f"{verb} {what}",
            )
        )
    listed = json.dumps([asdict(action) for action in actions], sort_keys=True)
    return Plan(tuple(actions), sha256(listed.encode()).hexdigest())


def refuse_if_moved(plan_text: str, now: Plan) -> None:
    """Raise unless the plan in this text is the plan that stands now."""
    try:
        approved = json.loads(plan_text)["hash"]
    except (ValueError, KeyError, TypeError) as error:
        raise PlanUnreadable(
            "the plan file is not one that `tieout plan --json` wrote"
        ) from error
    if approved != now.hash:
        raise PlanMoved(
            "the world has moved since the plan was made; nothing was pushed. "
            "Run `tieout plan` and look again"
        )


def _verb(record: PushRecord) -> tuple[str, str]:
    if record.state is PushState.SKIPPED:
        return "map", "find a Stripe customer, then push"
    if record.tried == 0:
        return "push", "push"
    return "resume", f"resume ({record.step or 'look'})"
