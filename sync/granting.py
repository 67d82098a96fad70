"""Grant a credit: look, check, commit the intent, ask once, and read what became of it."""

from dataclasses import dataclass

from connectors.correcting import CorrectingCore, Grant
from connectors.failures import Refused, Unknown
from state.observations import AuditEntry, Changes
from sync.grants import (
    Known,
    NotGranted,
    Wish,
    already,
    grant_of,
    granted_already,
    warnings,
)
from sync.parts import Parts

_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Granted:
    """What was granted, or would be; `credit_id` is empty in a dry run."""

    grant: Grant
    credit_id: str
    warnings: tuple[str, ...]


def grant_credit(
    parts: Parts,
    core: CorrectingCore,
    customer_id: str,
    wish: Wish,
    *,
    by: str,
    dry_run: bool = False,
) -> Granted:
    """Grant it once. Raises NotGranted, or Unknown where nobody can tell yet."""
    known = _known(core, customer_id)
    grant = grant_of(wish, known)
    told = tuple(warnings(grant, known))
    if dry_run:
        return Granted(grant, "", told)
    asked = AuditEntry(
        action="credit.asked",
        object_type="credit",
        object_id=grant.key,
        reason=grant.name,
        actor=by,
        idempotency_key=grant.key,
    )
    parts.record(Changes(audit=(asked,)))
    credit_id = _asked(core, grant)
    held = core.credits(customer_id)
    if credit_id is None:
        made = granted_already(grant, held)
        credit_id = "" if made is None else made.id
    done = AuditEntry(
        action="credit.granted",
        object_type="credit",
        object_id=credit_id,
        reason=grant.name,
        actor=by,
        idempotency_key=grant.key,
    )
    parts.record(Changes(credits=held, audit=(done,)))
    return Granted(grant, credit_id, told)


def _known(core: CorrectingCore, customer_id: str) -> Known:
    customer = core.customer(customer_id)
    if customer is None:
        raise NotGranted(f"CUSTOMER: the core has no customer {customer_id!r}; give its id")
    return Known(
        now=core.time(),
        customer=customer,
        contracts=core.contracts(customer_id),
        products=core.products(),
        units=core.units(),
        held=core.credits(customer_id),
    )


def _asked(core: CorrectingCore, grant: Grant) -> str | None:
    """The one call. After a doubt or a conflict we look what is there."""
    try:
        return core.grant(grant)
    except Unknown as doubt:
        made = granted_already(grant, core.credits(grant.customer_id))
        if made is None:
            raise Unknown(
                f"{doubt}; it is not seen to be granted. Give the same command again: its "
                "key lets the core grant it once only"
            ) from doubt
        return made.id
    except Refused as no:
        if no.status != _CONFLICT:
            raise
        made = granted_already(grant, core.credits(grant.customer_id))
        if made is None:
            raise NotGranted(f"--key: {grant.key} was used for another grant") from no
        raise NotGranted(already(grant, made)) from no
