"""Sign-off: two persons, or three, put their names to a run's figures, in the audit log.

What is signed is the hash of what the run found. A later run of the same period that
finds other figures takes the signatures down, and says why.
"""

import json
from dataclasses import replace

from state.clock import utc
from state.observations import AuditEntry, Changes
from state.store import Store
from sync.books import Run
from sync.differing import difference
from sync.parts import Parts
from sync.persons import person, same
from sync.report.codec import content_sha256, read_run
from sync.report.material import SIGNED, Signoff

ROLES = ("preparer", "reviewer", "approver")
OPENED = "signoff.opened"


class NotSignable(Exception):
    """This run cannot be signed so; the text says why and what to do."""


def sign(parts: Parts, run: Run, *, role: str, who: str, comment: str) -> Signoff:
    """Sign a run. Raises NotSignable, Nameless."""
    who = person(who)
    if not all(check.ok for check in run.checks):
        raise NotSignable("--run: a check of this run failed; nobody can sign it")
    content = content_sha256(run)
    newest = latest(parts.store, run.period)
    if newest is not None and content_sha256(newest) != content:
        raise NotSignable(
            f"--run: {run.run_id} is not the latest of its period; {newest.run_id} shows "
            f"other figures ({difference(run, newest)}). Sign that one"
        )
    if role == "approver" and not run.needs_approver:
        raise NotSignable(
            "--role: what is unexplained is within policy.total_threshold in every leg, so "
            "no approver is asked for; a preparer and a reviewer sign"
        )
    standing = {one.role: one for one in of_run(parts.store, run) if one.stands}
    if role in standing:
        raise NotSignable(f"--role: {standing[role].who} has signed as {role} already")
    _after_others(role, who, standing)
    entry = AuditEntry(
        SIGNED,
        "signoff",
        run.run_id,
        before=run.period,
        after=role,
        reason=comment,
        actor=who,
    )
    parts.record(Changes(audit=(replace(entry, idempotency_key=content),)))
    return next(one for one in of_run(parts.store, run) if one.stands and one.role == role)


def _after_others(role: str, who: str, standing: dict[str, Signoff]) -> None:
    """Each role signs after those before it, and is another person than any of them."""
    for before in ROLES[: ROLES.index(role)]:
        signed = standing.get(before)
        if signed is None:
            article = "an" if role == "approver" else "a"
            raise NotSignable(
                f"--role: {article} {role} signs what a {before} has signed before"
            )
        if same(signed.who, who):
            done = {"preparer": "prepared", "reviewer": "reviewed"}[before]
            must = {"reviewer": "review", "approver": "approve"}[role]
            raise NotSignable(f"--by: {who} {done} this run; another person must {must} it")


def of_run(store: Store, run: Run) -> tuple[Signoff, ...]:
    """Who signed a run, oldest first, and whether it stands."""
    given = _given(store, run)
    newest = latest(store, run.period)
    if newest is None or content_sha256(newest) == content_sha256(run):
        return given
    why = f"{newest.run_id} shows other figures: {difference(run, newest)}"
    return tuple(
        replace(one, stands=False, why=why) if one.stands else one for one in given
    )


def _given(store: Store, run: Run) -> tuple[Signoff, ...]:
    """What was signed and taken down until now. The same figures again do not sign anew."""
    content = content_sha256(run)
    found: list[Signoff] = []
    for line in store.audit_lines(about="signoff"):
        entry = json.loads(line.body)
        same = entry["idempotency_key"] == content
        if entry["action"] == OPENED and same:
            found = [
                replace(one, stands=False, why=entry["reason"])
                if one.stands and entry["before"] == f"{one.role} {one.who}"
                else one
                for one in found
            ]
        if entry["action"] != SIGNED or entry["before"] != run.period:
            continue
        if not same and entry["object_id"] != run.run_id:
            continue
        found.append(
            Signoff(entry["after"], entry["actor"], utc(line.at), entry["reason"], content)
        )
    return tuple(found)


def reopen(parts: Parts, before: Run | None, run: Run) -> tuple[Signoff, ...]:
    """Take down what was signed on other figures of this period, and record why.

    `before` is the latest run of the period before `run` was kept.
    """
    if before is None or content_sha256(before) == content_sha256(run):
        return ()
    why = f"{run.run_id} shows other figures: {difference(before, run)}"
    fallen = tuple(
        replace(one, stands=False, why=why)
        for one in _given(parts.store, before)
        if one.stands
    )
    entries = tuple(
        AuditEntry(
            OPENED,
            "signoff",
            before.run_id,
            before=f"{one.role} {one.who}",
            after=run.run_id,
            reason=one.why,
            idempotency_key=content_sha256(before),
        )
        for one in fallen
    )
    if entries:
        parts.record(Changes(audit=entries))
    return fallen


def ever_given(store: Store) -> bool:
    """Has anybody ever signed? Where nobody has, no earlier run has to be read for it."""
    return any(True for _ in store.audit_lines(about="signoff"))


def latest(store: Store, period: str) -> Run | None:
    """The latest kept run of a period; '' is the run of everything."""
    found = store.run(period=period)
    return None if found is None else read_run(found[0])
