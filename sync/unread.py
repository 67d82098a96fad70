"""One source that cannot be read never hides another: each is told, and kept as unread.

The core and Stripe are what a push rests on; without either nothing is pushed. No push
rests on an ERP, so none waits for one. Where nothing was read nothing is concluded: flags
stay, and no run is made until the source is read again.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from connectors.failures import (
    ConnectorFailure,
    Incomplete,
    Misconfigured,
    NeedsConsent,
    NotNow,
)
from state.observations import CORE, Changes, Unread
from state.receivables import STRIPE
from sync.parts import Parts, Rest

GROUND = frozenset({CORE, STRIPE})  # what a push rests on
REST_FIRST_SECONDS = 5.0
REST_MAX_SECONDS = 600.0


class Readings:
    """The readings of one pass, and which of them failed."""

    def __init__(self, parts: Parts, *, sweep: bool) -> None:
        self.sweep = sweep
        self.unread: list[Unread] = []
        self._parts = parts
        self._known = parts.store.unread()

    @contextmanager
    def reading(self, source: str, *, whole: bool = True) -> Iterator[None]:
        """Read a source; where that fails, keep it as unread and go on.

        `whole` False: this is only the first of what is to be read.
        """
        try:
            yield
        except ConnectorFailure as failure:
            self._failed(source, failure)
        else:
            if whole:
                self._read(source)

    @contextmanager
    def telling(self, source: str) -> Iterator[None]:
        """Write to a source that was read; where that fails, tell it and go on."""
        try:
            yield
        except ConnectorFailure as failure:
            self.unread.append(
                Unread(source, why=str(failure), hopeless=_hopeless(failure))
            )

    def missed(self, sources: Iterable[str]) -> bool:
        """Was one of these not read?"""
        return not {one.source for one in self.unread}.isdisjoint(sources)

    def require(self, sources: Iterable[str]) -> None:
        """Raise Incomplete with all that is wrong, unless these were read."""
        if self.missed(sources):
            raise Incomplete(texts(self.unread))

    def resting(self, target: str) -> bool:
        """Did this ERP fail a moment ago? Then it is given time, and stays unread."""
        rest = self._parts.resting.get(target)
        if rest is None or self._parts.clock.monotonic() >= rest.until:
            return False
        self.unread += [self._known[target]] if target in self._known else []
        return True

    def _failed(self, source: str, failure: ConnectorFailure) -> None:
        parts, before = self._parts, self._known.get(source)
        unread = Unread(
            source,
            why=str(failure),
            since=parts.clock.now() if before is None else before.since,
            hinted=not self.sweep and (before is None or before.hinted),
            hopeless=_hopeless(failure),
        )
        self.unread.append(unread)
        if unread != before:
            parts.record(Changes(unread=(unread,)))
        if source not in GROUND:
            asked = failure.retry_after if isinstance(failure, NotNow) else None
            parts.resting[source] = _longer(
                parts.resting.get(source), parts.clock.monotonic(), asked or 0.0
            )

    def _read(self, source: str) -> None:
        """It is read again. Hints alone do not mend a sweep that failed."""
        before = self._known.get(source)
        self._parts.resting.pop(source, None)
        if before is not None and (self.sweep or before.hinted):
            self._parts.record(Changes(read_again=(source,)))


def texts(unread: Iterable[Unread]) -> str:
    """All of them in one line."""
    return "; ".join(one.text for one in unread)


def _hopeless(failure: ConnectorFailure) -> bool:
    """Can no later turn go better? A consent is given beside us, so one may."""
    return isinstance(failure, Misconfigured) and not isinstance(failure, NeedsConsent)


def _longer(before: Rest | None, now: float, asked: float) -> Rest:
    """A rest of twice the last one, or as long as the other side asked for."""
    failures = 1 if before is None else before.failures + 1
    wait = min(REST_FIRST_SECONDS * 2.0 ** (failures - 1), REST_MAX_SECONDS)
    return Rest(failures, now + max(wait, asked))
