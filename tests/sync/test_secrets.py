"""Secrets come by reference, are hidden everywhere, and fit the mode that names them."""

import json
import traceback
from pathlib import Path

import pytest

from connectors.redaction import Secret
from sync.secrets import (
    SecretUnusable,
    database_url,
    key_problem,
    looks_like_a_secret,
    resolve,
    resolved,
)

CANARY = "canary-that-nobody-may-see"


def test_a_secret_from_the_environment_never_shows_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN_OF_TEST", f" {CANARY}\n")
    secret = resolve("env:TOKEN_OF_TEST", "core.token")
    assert secret.reveal() == CANARY
    assert secret in resolved()
    assert CANARY not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        json.dumps(secret)


@pytest.mark.parametrize("value", ["", "   "])
def test_an_unset_or_empty_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TOKEN_OF_TEST", value)
    with pytest.raises(SecretUnusable, match=r"core\.token: .*TOKEN_OF_TEST is not set"):
        resolve("env:TOKEN_OF_TEST", "core.token")


def test_a_secret_with_a_break_inside_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN_OF_TEST", f"{CANARY}\nX-Injected: 1")
    with pytest.raises(SecretUnusable) as refused:
        resolve("env:TOKEN_OF_TEST", "core.token")
    assert CANARY not in "".join(traceback.format_exception(refused.value))


def test_a_file_is_read_only_when_it_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{CANARY}\n")
    path.chmod(0o640)
    with pytest.raises(SecretUnusable, match=f"chmod 600 {path}"):
        resolve(f"file:{path}", "core.token")
    path.chmod(0o400)
    assert resolve(f"file:{path}", "core.token").reveal() == CANARY


def test_a_file_that_is_no_key_is_told_apart(tmp_path: Path) -> None:
    def wrong(path: Path) -> str:
        with pytest.raises(SecretUnusable) as refused:
            resolve(f"file:{path}", "core.token")
        return str(refused.value)

    def made(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    assert "No such file" in wrong(tmp_path / "absent")
    assert "is empty" in wrong(made("empty", b"\n"))
    assert "holds no text" in wrong(made("bytes", b"\xff\xfe"))
    assert "no regular file" in wrong(tmp_path)
    assert "over 16384 bytes" in wrong(made("large", b"a" * 20_000))


def test_a_directory_or_link_is_judged_by_what_it_leads_to(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text(CANARY)
    real.chmod(0o644)
    link.symlink_to(real)
    with pytest.raises(SecretUnusable, match="chmod 600"):
        resolve(f"file:{link}", "core.token")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("sk_test_1234", True),
        ("SK_LIVE_1234", True),
        ("x rk_live_12345 y", True),
        ("whsec_abcdef", True),
        ("a1" * 16, True),
        ("env:STRIPE_API_KEY", False),
        ("desk_test_1234", False),
        ("https://api.stripe.com", False),
        ("sqlite:////var/lib/tieout/acme-us-2026/state-of-the-books.db", False),
        ("postgresql+psycopg://tieout@db.internal.example.com:5432/tieout1", False),
        ("a" * 40, False),
        ("Europe/Berlin", False),
    ],
)
def test_what_looks_like_a_secret(text: str, secret: bool) -> None:
    assert looks_like_a_secret(text) is secret


@pytest.mark.parametrize(
    ("mode", "key", "fits"),
    [
        ("sandbox", "sk_test_abc", True),
        ("sandbox", "rk_test_abc", True),
        ("test", "sk_test_abc", True),
        ("live", "sk_live_abc", True),
        ("live", "rk_live_abc", True),
        ("sandbox", "sk_live_abc", False),
        ("test", "rk_live_abc", False),
        ("live", "sk_test_abc", False),
        ("live", "pk_live_abc", False),
        ("test", "pk_test_abc", False),
        ("test", "abc", False),
        ("live", " sk_live_abc", False),
    ],
)
def test_the_mode_agrees_with_the_key(mode: str, key: str, fits: bool) -> None:
    problem = key_problem(mode, Secret(key))
    assert (problem == "") is fits
    assert "abc" not in problem
    assert fits or problem.startswith("stripe.mode: ")


def test_a_database_url_may_stand_behind_a_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://u:p@h/d")
    assert database_url("env:DATABASE_URL") == "postgresql+psycopg://u:p@h/d"
    assert database_url("sqlite:///x.db") == "sqlite:///x.db"
