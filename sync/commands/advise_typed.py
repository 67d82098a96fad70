"""What was typed after `tieout advise`: shares, quantities, amounts, and a file of events."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync.commands.options import Unusable, moment

if TYPE_CHECKING:
    from state.corrections import UsageEvent
    from sync.advise import Share

RESUBMIT_BYTES_MAX = 10_000_000
EVENTS_MAX = 10_000
SHARES = ("nothing", "part", "whole")


def asked_share(given: str | None) -> "Share | None":
    """How much is wrong, as it was typed. Raises Unusable."""
    from sync.advise import Share as Shares

    if given is None:
        return None
    if given not in SHARES:
        raise Unusable(f"--share: {given!r} is none of {', '.join(SHARES)}")
    return Shares(given)


def reductions(given: list[str]) -> Mapping[str, Decimal] | None:
    """Each PRODUCT=QUANTITY. Raises Unusable."""
    found: dict[str, Decimal] = {}
    for one in given:
        name, _, count = one.rpartition("=")
        try:
            quantity = Decimal(count)
        except InvalidOperation:
            quantity = Decimal(0)
        if not name or not quantity.is_finite() or quantity <= 0:
            raise Unusable(f"--reduce: {one!r} is no PRODUCT=QUANTITY, such as Tokens=50")
        if name in found:
            raise Unusable(f"--reduce: {name} stands twice")
        found[name] = quantity
    return found or None


def minor(given: str, currency: str | None) -> int:
    """An amount in whole units as minor units. Raises Unusable."""
    from state.money import parse_major

    if currency is None:
        raise Unusable("--expect: this invoice is in a pricing unit that is no money")
    try:
        return parse_major(given, currency)
    except ValueError as error:
        raise Unusable(f"--expect: {error}") from None


def events_in(path: Path | None, invoice: str) -> "tuple[UsageEvent, ...]":
    """The corrected events of a file. An event without an id gets one of this invoice."""
    from connectors.wirejson import loads

    if path is None:
        return ()
    with path.open("rb") as file:
        raw = file.read(RESUBMIT_BYTES_MAX + 1)
    if len(raw) > RESUBMIT_BYTES_MAX:
        raise Unusable(f"--resubmit: {path} is over {RESUBMIT_BYTES_MAX} bytes")
    try:
        body = loads(raw)
    except (ValueError, RecursionError) as error:
        raise Unusable(f"--resubmit: {path} cannot be read as JSON: {error}") from None
    if not isinstance(body, list) or not 0 < len(body) <= EVENTS_MAX:
        raise Unusable(f"--resubmit: {path} must hold a list of 1 to {EVENTS_MAX} events")
    return tuple(
        _event(one, f"--resubmit: event {n}", invoice, n) for n, one in enumerate(body, 1)
    )


def _event(body: Any, where: str, invoice: str, number: int) -> "UsageEvent":
    from state.corrections import UsageEvent

    known = {"transaction_id", "customer_id", "event_type", "timestamp", "properties"}
    if not isinstance(body, dict) or not set(body) <= known:
        raise Unusable(f"{where} may hold {', '.join(sorted(known))} and nothing else")
    for name in ("customer_id", "event_type", "timestamp"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise Unusable(f"{where}: {name} is missing or no text")
    given = body.get("properties", {})
    plain = isinstance(given, dict) and not any(
        isinstance(value, dict | list) or value is None for value in given.values()
    )
    if not plain:
        raise Unusable(f"{where}: properties must be plain texts and numbers")
    told = {
        name: str(value).lower() if isinstance(value, bool) else format(value, "f")
        if isinstance(value, Decimal) else str(value)
        for name, value in given.items()
    }  # fmt: skip
    return UsageEvent(
        transaction_id=str(body.get("transaction_id") or f"{invoice}-corrected-{number}"),
        customer_id=body["customer_id"],
        event_type=body["event_type"],
        at=moment(body["timestamp"], f"{where}: timestamp"),
        properties=tuple(sorted(told.items())),
    )
