"""What a text of others shows of a secret: nothing, wherever it was cut."""

import pytest

from connectors.redaction import HIDDEN, Secret, one_line, redact

KEY = Secret("Zq7-rotating-refresh-9Xw4")


@pytest.mark.parametrize("before", range(0, 300, 7))
def test_a_secret_is_hidden_whole_or_cut(before: int) -> None:
    said = redact(one_line("x" * before + KEY.reveal() + " was refused" * 30), [KEY])
    assert "Zq7-ro" not in said
    assert said.endswith("…")


def test_what_is_no_secret_stays() -> None:
    assert redact("Zq7 was refused…", [KEY]) == "Zq7 was refused…"
    assert redact(f"{KEY.reveal()} again", [KEY]) == f"{HIDDEN} again"
