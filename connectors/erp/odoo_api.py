"""Odoo's two doors: JSON-2 from version 19 on, /jsonrpc for 14 to 18.

Odoo: documentation/19.0/developer/reference/external_api. Both take a model, a method and
named arguments, and each call is a transaction of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from connectors.failures import ConnectorFailure, Incomplete, Misconfigured, Refused
from connectors.patience import Rng
from connectors.redaction import Secret
from connectors.transport import Answer
from connectors.wire import Reply, Wire
from connectors.wirejson import loads
from state.clock import Clock

# Mistakes in the question: the same question fails for ever, whatever the status says.
_LASTING = ("ValueError", "TypeError", "KeyError", "AttributeError")
_NO_ACCESS = ("AccessError", "AccessDenied", "Unauthorized", "SessionExpired")
_SERVER_ERROR = 500


class Door(Protocol):
    """One way to call Odoo."""

    @property
    def when(self) -> datetime | None:
        """The server's own time of the last answer."""

    def read(self, model: str, method: str, **arguments: Any) -> Any:
        """Ask; retried. Raises Misconfigured, Refused, NotNow, Unknown, Incomplete."""

    def write(self, model: str, method: str, **arguments: Any) -> Any:
        """Do, once. Raises the same, but for Incomplete."""

    def version(self) -> str:
        """The server's version; needs no key."""


class Json2:
    """POST /json/2/MODEL/METHOD with a bearer: plain JSON both ways."""

    def __init__(
        self, base_url: str, *, database: str, token: Secret, clock: Clock, rng: Rng
    ) -> None:
        self.when: datetime | None = None
        self._wire = Wire(
            base_url,
            clock=clock,
            rng=rng,
            token=token,
            headers={"X-Odoo-Database": database} if database else {},
            judge=judged,
            system="Odoo",
        )

    def read(self, model: str, method: str, **arguments: Any) -> Any:
        """Ask."""
        return self._told(self._wire.query(f"/json/2/{model}/{method}", arguments))

    def write(self, model: str, method: str, **arguments: Any) -> Any:
        """Do, once."""
        return self._told(self._wire.write("POST", f"/json/2/{model}/{method}", arguments))

    def version(self) -> str:
        """The server's version."""
        return _version(self._told(self._wire.get("/web/version")))

    def _told(self, reply: Reply) -> Any:
        self.when = reply.date or self.when
        return reply.data


class JsonRpc:
    """POST /jsonrpc, as before version 19: an error comes as a 200, the key in the body."""

    def __init__(
        self,
        base_url: str,
        *,
        database: str,
        login: str,
        token: Secret,
        clock: Clock,
        rng: Rng,
    ) -> None:
        self.when: datetime | None = None
        self._database, self._login, self._token = database, login, token
        self._uid: int | None = None
        self._wire = Wire(
            base_url, clock=clock, rng=rng, judge=judged, system="Odoo", secrets=(token,)
        )

    def read(self, model: str, method: str, **arguments: Any) -> Any:
        """Ask."""
        return self._told(
            self._wire.query("/jsonrpc", self._call(model, method, arguments))
        )

    def write(self, model: str, method: str, **arguments: Any) -> Any:
        """Do, once."""
        body = self._call(model, method, arguments)
        return self._told(self._wire.write("POST", "/jsonrpc", body))

    def version(self) -> str:
        """The server's version."""
        body = _envelope("common", "version", [])
        return _version(self._told(self._wire.query("/jsonrpc", body)))

    def _call(self, model: str, method: str, arguments: Mapping[str, Any]) -> Any:
        named = dict(arguments)
        positional = [named.pop("ids")] if "ids" in named else []
        who = [self._database, self._who(), self._token.reveal()]
        return _envelope("object", "execute_kw", [*who, model, method, positional, named])

    def _who(self) -> int:
        if self._uid is None:
            asked = [self._database, self._login, self._token.reveal(), {}]
            body = _envelope("common", "authenticate", asked)
            uid = self._told(self._wire.query("/jsonrpc", body))
            if not isinstance(uid, int) or isinstance(uid, bool):
                raise Misconfigured(
                    f"Odoo does not know {self._login or 'this user'} by this key; "
                    "set erp.database, erp.login and erp.token"
                )
            self._uid = uid
        return self._uid

    def _told(self, reply: Reply) -> Any:
        self.when = reply.date or self.when
        if not isinstance(reply.data, dict) or "result" not in reply.data:
            raise Incomplete("Odoo, /jsonrpc: answered without a result")
        return reply.data["result"]


def _envelope(service: str, method: str, arguments: Sequence[Any]) -> dict[str, Any]:
    params = {"service": service, "method": method, "args": list(arguments)}
    return {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}


def judged(answer: Answer) -> ConnectorFailure | None:
    """Odoo's own error, from either door; None leaves it to the general rule.

    `debug` holds a traceback and is never shown.
    """
    if b'"name"' not in answer.body[:100_000]:
        return None
    try:
        body = loads(answer.body)
    except (ValueError, RecursionError):
        return None
    error = body.get("error") if isinstance(body, dict) else None
    said = error.get("data") if isinstance(error, dict) else body
    if not isinstance(said, dict) or "name" not in said or "message" not in said:
        return None
    if said is body and answer.status < 400:  # noqa: PLR2004 - a good answer of JSON-2
        return None
    kind, text = str(said["name"]).rpartition(".")[2], str(said["message"]).strip()
    if kind in _NO_ACCESS:
        return Misconfigured(f"{text} (check the robot's key and its groups)")
    if kind in _LASTING or (error is not None and answer.status < _SERVER_ERROR):
        return Refused(f"{kind}: {text}", code=kind, status=answer.status)
    return None


def _version(said: Any) -> str:
    if isinstance(said, dict):
        found = said.get("version") or said.get("server_version")
        if isinstance(found, str):
            return found
    raise Incomplete("Odoo does not say its version; is this the address of an Odoo?")
