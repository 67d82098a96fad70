"""Consents that end are said in time; pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from state.tokens import KeptToken
from sync.consents import notices

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KEPT = KeptToken("books", "fernet:x", NOW, NOW + timedelta(days=90), NOW)


@pytest.mark.parametrize(
    ("kept", "said", "ended"),
    [
        (KEPT, "", False),
        (replace(KEPT, consent_until=None), "", False),
        (replace(KEPT, consent_until=NOW + timedelta(days=31)), "", False),
        (replace(KEPT, consent_until=NOW + timedelta(days=29)), "ends on 2026-11-30", False),
        (replace(KEPT, consent_until=NOW), "ended on 2026-11-01", True),
        (replace(KEPT, refusal="invalid_grant"), "has ended: invalid_grant", True),
        (replace(KEPT, sealed=""), "nobody has consented yet", True),
        (None, "nobody has consented yet", True),
        (replace(KEPT, sealed="plain:x"), "kept unsealed", False),
    ],
)  # fmt: skip
def test_what_is_said_of_a_consent(kept: KeptToken | None, said: str, ended: bool) -> None:
    found = list(notices([] if kept is None else [kept], ["books"], NOW))
    assert [one.ended for one in found] == ([ended] if said else [])
    assert said in "".join(one.text for one in found)
    if ended:
        assert found[0].remedy == "run: tieout auth books"


def test_a_machine_s_token_needs_no_consent() -> None:
    assert list(notices([replace(KEPT, name="nav", sealed="")], [], NOW)) == []
