"""The token table: one process at a time may renew a token, and keeps it before its use."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, select, update
from sqlmodel import col

from state.asking import text_of
from state.clock import iso, utc
from state.engine import open_engine, transaction
from state.tables import TokenRow
from state.tokens import Claim, ClaimLost, KeptToken
from state.upsert import insert_on


class TokenBook:
    """One legal entity's tokens. Safe to use from several threads and processes."""

    def __init__(self, url: str, entity: str, *, new_id: Callable[[], str]) -> None:
        self._url = url
        self._opened: Engine | None = None
        self._turn = threading.Lock()
        self._entity = entity
        self._new_id = new_id

    @property
    def _engine(self) -> Engine:
        """Opened when first asked: nothing is made where another setting is wrong."""
        with self._turn:
            if self._opened is None:
                self._opened = open_engine(self._url)
            return self._opened

    def close(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            self._opened.dispose()

    def token(self, name: str) -> KeptToken | None:
        """What is kept for one connection."""
        return next(iter(self._read(self._one(name))), None)

    def tokens(self) -> list[KeptToken]:
        """What is kept for every connection, by name."""
        return self._read(col(TokenRow.entity) == self._entity)

    def claim(self, name: str, *, now: datetime, seconds: int) -> Claim | None:
        """The right to renew a connection's token, or None while another has it."""
        row = {"entity": self._entity, "name": name}
        made = Claim(name, self._new_id())
        with transaction(self._engine) as connection:
            connection.execute(
                insert_on(connection)(TokenRow).values(row).on_conflict_do_nothing()
            )
            taken = connection.execute(
                update(TokenRow)
                .where(self._one(name), col(TokenRow.held_until) < text_of(now))
                .values(
                    holder=made.holder,
                    held_until=text_of(now + timedelta(seconds=seconds)),
                )
            )
            return made if taken.rowcount == 1 else None

    def release(self, claim: Claim) -> None:
        """Give the right back, if it is still ours."""
        self._write(claim, {}, must=False)

    def keep(self, claim: Claim, token: KeptToken) -> None:
        """Keep a renewed token and give the right back. Raises ClaimLost."""
        values = {
            "sealed": token.sealed,
            "expires_at": iso(token.expires_at) or "",
            "consent_until": iso(token.consent_until) or "",
            "renewed_at": iso(token.renewed_at) or "",
            "refusal": token.refusal,
        }
        self._write(claim, values, must=True)

    def refuse(self, claim: Claim, reason: str) -> None:
        """Keep that a person must consent anew, and give the right back."""
        self._write(claim, {"refusal": reason}, must=False)

    def _write(self, claim: Claim, values: dict[str, Any], *, must: bool) -> None:
        with transaction(self._engine) as connection:
            done = connection.execute(
                update(TokenRow)
                .where(self._one(claim.name), col(TokenRow.holder) == claim.holder)
                .values(**values, holder="", held_until="")
            )
            if must and done.rowcount != 1:
                raise ClaimLost(f"{claim.name}: another has renewed the token meanwhile")

    def _one(self, name: str) -> ColumnElement[bool]:
        return (col(TokenRow.entity) == self._entity) & (col(TokenRow.name) == name)

    def _read(self, where: ColumnElement[bool]) -> list[KeptToken]:
        table = TokenRow.__table__  # type: ignore[attr-defined]  # SQLModel adds it
        query = select(table).where(where).order_by(table.c.name)
        with self._engine.connect() as connection:
            return [_kept(row) for row in connection.execute(query).mappings()]


def _kept(row: Any) -> KeptToken:
    def moment(name: str) -> datetime | None:
        return utc(row[name]) if row[name] else None

    return KeptToken(
        name=row["name"],
        sealed=row["sealed"],
        expires_at=moment("expires_at"),
        consent_until=moment("consent_until"),
        renewed_at=moment("renewed_at"),
        refusal=row["refusal"],
    )
