"""How long a person's consent to read an ERP still lasts; pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from state.tokens import KeptToken

WARN_BEFORE = timedelta(days=30)
UNSEALED = "plain:"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person should know of one kept token. `ended`: nothing is read until then."""

    name: str
    text: str
    remedy: str
    ended: bool = False


def notices(
    kept: Iterable[KeptToken], consented: Collection[str], now: datetime
) -> Iterator[Notice]:
    """What to say of each register that rests on a consent, and of tokens kept unsealed."""
    tokens = {one.name: one for one in kept}
    for name in consented:
        token, again = tokens.get(name), f"run: tieout auth {name}"
        if token is not None and token.refusal:
            yield Notice(name, f"the consent has ended: {token.refusal}", again, ended=True)
        elif token is None or not token.sealed:
            yield Notice(name, "nobody has consented yet", again, ended=True)
        elif token.consent_until is not None and token.consent_until <= now:
            yield Notice(
                name, f"the consent ended {_on(token.consent_until)}", again, ended=True
            )
        elif token.consent_until is not None and token.consent_until - now < WARN_BEFORE:
            yield Notice(name, f"the consent ends {_on(token.consent_until)}", again)
    unsealed = sorted(
        one.name for one in tokens.values() if one.sealed.startswith(UNSEALED)
    )
    if unsealed:
        names = ", ".join(unsealed)
        yield Notice(names, "tokens are kept unsealed", "set state.token_key")


def _on(moment: datetime) -> str:
    return f"on {moment.date().isoformat()}"
