"""A vendor in the settings: its login, its consent, what doctor and status say of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from typer.testing import CliRunner

from connectors.failures import Incomplete, Misconfigured, NeedsConsent
from connectors.oauth import Consent
from state.tokenbook import TokenBook
from sync.cli import app
from sync.settings import ConfigError, Settings, parse
from sync.settings_erp import VendorErp
from sync.wiring import SystemClock, steady_random
from sync.wiring_vendors import Making, connected, consented, consenting
from tests.connectors.tokens.authority import (
    CERTIFICATE,
    CLIENT,
    CLIENT_SECRET,
    Authority,
)

ROOT = Path(__file__).parents[2]
SECRET = "env:VENDOR_SECRET_OF_TEST"
COMPANY = "45e4708e-d862-4111-ab3a-dd8cd03913e1"
KEYS = {
    "netsuite": f"account: '1234567_SB1', certificate_id: {CERTIFICATE}, private_key: 'file:key.pem'",
    "quickbooks": f"company: '9130', client_secret: '{SECRET}'",
    "xero": f"company: {COMPANY}, client_secret: '{SECRET}', login: connection",
    "intacct": f"username: robot@acme, client_secret: '{SECRET}'",
    "business_central": f"tenant: {COMPANY}, client_secret: '{SECRET}'",
}


@pytest.fixture
def authority() -> Iterator[Authority]:
    made = Authority()
    yield made
    made.close()
    assert made.violations == []


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VENDOR_SECRET_OF_TEST", CLIENT_SECRET)


def text(authority: Authority, kind: str, more: str = "") -> str:
    base = f"base_url: '{authority.url}', login_url: '{authority.url}', client_id: {CLIENT}"
    return f"erp: [{{name: books, kind: {kind}, {base}, {KEYS[kind]}{more}}}]\n"


def settings(authority: Authority, kind: str, more: str = "") -> Settings:
    return parse(text(authority, kind, more).encode())


def vendor(of: Settings) -> VendorErp:
    (erp,) = of.erp
    assert isinstance(erp, VendorErp)
    return erp


def making(of: Settings) -> Making:
    return Making(of, SystemClock(), steady_random())


def tokens(of: Settings) -> list[Any]:
    shelf = TokenBook("sqlite:///.tieout/state.db", of.entity, new_id=lambda: "x")
    kept: list[Any] = shelf.tokens()
    shelf.close()
    return kept


@pytest.mark.parametrize("kind", ["netsuite", "xero", "intacct", "business_central"])
def test_a_machine_logs_in_by_itself_and_its_token_is_kept(
    authority: Authority, kind: str
) -> None:
    key = rsa.generate_private_key(65537, 3072)
    authority.public_key = key.public_key()
    pem = Path("key.pem")
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    pem.chmod(0o600)
    if kind == "netsuite":
        authority.token_path = "/services/rest/auth/oauth2/v1/token"
    of = settings(authority, kind)
    made = making(of)
    register = connected(vendor(of), made)
    with pytest.raises(Incomplete):
        register.identify()  # the authority gives a token, and is no such system
    assert len(authority.asked) == 1
    assert authority.calls
    assert authority.calls[0] in authority.access
    assert [one.name for one in tokens(of)] == ["books"]
    with pytest.raises(ConfigError, match="needs no consent"):
        consenting(vendor(of), made)
    while made.closers:
        made.closers.pop()()


def test_quickbooks_without_a_consent_asks_nothing(authority: Authority) -> None:
    of = settings(authority, "quickbooks")
    made = making(of)
    register = connected(vendor(of), made)
    with pytest.raises(NeedsConsent, match="run: tieout auth books"):
        register.identify()
    assert (authority.asked, authority.calls) == ([], [])
    assert consented(of) == ("books",)
    while made.closers:
        made.closers.pop()()


def test_netsuite_by_tokens_signs_each_request(authority: Authority) -> None:
    more = (
        f", login: token, token_id: tk, client_secret: '{SECRET}', token_secret: '{SECRET}'"
    )
    of = settings(authority, "netsuite", more)
    register = connected(vendor(of), making(of))
    with pytest.raises(Misconfigured):
        register.identify()
    assert authority.asked == []
    assert authority.calls[0].startswith('OAuth realm="1234567_SB1"')
    assert tokens(of) == []


# --- tieout auth ----------------------------------------------------------------------
def run_auth(tmp_path: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from sync.cli import main; main()", "auth", "books", *words],
        cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    assert "Open this address" in process.stderr.readline()
    return process.stderr.readline().strip()


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_person_consents_in_the_browser(authority: Authority, tmp_path: Path) -> None:
    redirect = f"http://127.0.0.1:{free_port()}/tieout"
    key = Fernet.generate_key().decode()
    config = text(authority, "quickbooks", f", redirect_url: '{redirect}'")
    Path("config.yaml").write_text(config + "state: {token_key: 'file:seal'}\n")
    Path("seal").write_text(key)
    Path("seal").chmod(0o600)
    process = run_auth(tmp_path, "--json")
    url = address(process)
    assert url.startswith(f"{authority.url}/connect/oauth2?")
    assert CLIENT_SECRET not in url
    page = requests.get(url, timeout=20)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, page.status_code) == (0, 200), err
    assert json.loads(out)["consented"] is True
    (kept,) = tokens(parse(config.encode()))
    assert kept.sealed.startswith("fernet:")
    for shown in (
        out,
        err,
        url,
        page.text,
        Path(".tieout/state.db").read_bytes().decode("latin-1"),
    ):
        assert "canary" not in shown


@pytest.mark.parametrize(
    ("company", "said", "code"),
    [("'9130'", "", 0), ("'7777'", "the consent is for company 9130", 2)],
)
def test_an_address_is_pasted_where_the_vendor_redirects_elsewhere(
    authority: Authority, tmp_path: Path, company: str, said: str, code: int
) -> None:
    more = ", redirect_url: 'https://books.example.com/back'"
    Path("config.yaml").write_text(
        text(authority, "quickbooks", more).replace("'9130'", company)
    )
    process = run_auth(tmp_path)
    sent = requests.get(address(process), timeout=20, allow_redirects=False)
    _, err = process.communicate(sent.headers["Location"] + "\n", timeout=30)
    assert process.returncode == code, err
    assert said in err
    assert "canary" not in err


@pytest.mark.parametrize(
    ("pasted", "said"),
    [("https://books.example.com/back?code=x&state=forged", "it was refused"), ("", "it was refused")],
)  # fmt: skip
def test_a_pasted_address_that_is_not_ours_is_refused(
    authority: Authority, tmp_path: Path, pasted: str, said: str
) -> None:
    more = ", redirect_url: 'https://books.example.com/back'"
    Path("config.yaml").write_text(text(authority, "quickbooks", more))
    _, err = run_auth(tmp_path).communicate(pasted + "\n", timeout=30)
    assert said in err
    assert "Traceback" not in err
    assert authority.asked == []


def test_nobody_consents_in_time(authority: Authority, tmp_path: Path) -> None:
    redirect = f"http://127.0.0.1:{free_port()}/tieout"
    Path("config.yaml").write_text(
        text(authority, "quickbooks", f", redirect_url: '{redirect}'")
    )
    process = run_auth(tmp_path, "--wait", "1")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "no consent came within 1 s" in err


@pytest.mark.parametrize(
    ("name", "said"),
    [("nobody", "they have: books"), ("books", "needs no consent")],
)
def test_a_name_that_cannot_consent_is_said(
    authority: Authority, name: str, said: str
) -> None:
    Path("config.yaml").write_text(text(authority, "intacct"))
    result = CliRunner().invoke(app, ["auth", name])
    assert said in str(result.exception)


# --- what is said of it ---------------------------------------------------------------
def told(*words: str) -> tuple[int, Any]:
    result = CliRunner().invoke(app, [*words, "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_doctor_says_what_is_missing_and_what_lies_open(authority: Authority) -> None:
    Path("config.yaml").write_text(text(authority, "quickbooks"))
    code, lines = told("doctor")
    said = [line for line in lines if line["name"] == "erp books"]
    assert code == 1
    assert {line["level"] for line in said} == {"FAIL", "OK"}
    assert any(line["remedy"] == "run: tieout auth books" for line in said)
    (can,) = [line["text"] for line in said if line["text"].startswith("can tell")]
    assert "pairing of credits: exact or inferred" in can
    assert "voids: zeroed" in can


def test_doctor_names_each_secret_that_is_not_there(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VENDOR_SECRET_OF_TEST")
    Path("config.yaml").write_text(text(authority, "intacct"))
    _, lines = told("doctor")
    (line,) = [line for line in lines if line["name"] == "secrets"]
    assert "erp[0].client_secret" in line["text"]
    assert "VENDOR_SECRET_OF_TEST is not set" in line["text"]


def test_a_grant_shows_no_secret(authority: Authority) -> None:
    of = settings(authority, "quickbooks")
    made = making(of)
    grant, _ = consenting(vendor(of), made)
    assert isinstance(grant, Consent)
    assert CLIENT_SECRET not in repr(grant)
    while made.closers:
        made.closers.pop()()


@pytest.mark.parametrize(
    ("erp", "key", "said"),
    [
        ("{name: b, kind: netsuite, account: '1', client_id: c}", "erp[0].private_key", "needed for login certificate"),
        ("{name: b, kind: netsuite, account: '1', client_id: c, login: token}", "erp[0].token_id", "needed for login token"),
        (f"{{name: b, kind: xero, company: c, client_id: c, client_secret: '{SECRET}', show_flags: true}}", "erp[0].scopes", "accounting.invoices"),
        ("{name: b, kind: intacct, username: u, client_id: c, client_secret: hunter2}", "erp[0].client_secret", "must be a reference"),
        (f"{{name: b, kind: intacct, username: u, client_id: c, client_secret: '{SECRET}', base_url: 'http://x.example'}}", "erp[0].base_url", "https"),
        (f"{{name: b, kind: quickbooks, company: c, client_id: c, client_secret: '{SECRET}', folder: x}}", "erp[0].folder", "not a known key"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_vendor_s_keys_is_named(erp: str, key: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(f"erp: [{erp}]".encode())
    assert any(key in one and said in one for one in refused.value.problems)
