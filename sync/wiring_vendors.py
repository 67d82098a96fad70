"""From a vendor's settings to its register: where it is, who we are to it, how fast we ask."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from connectors.budget import RateBudget
from connectors.erp.faults import Faults
from connectors.erp.register import Board, NotingRegister, Source, VendorRegister
from connectors.failures import Misconfigured
from connectors.loopback import is_loopback
from connectors.patience import Rng
from connectors.ports import Register
from connectors.redaction import Secret
from connectors.wire import Auth, Judge, Wire
from state.clock import Clock
from sync.consents import Notice, notices
from sync.secrets import database_url, remember, resolve
from sync.settings import ConfigError, Settings
from sync.settings_erp import (
    BusinessCentralErp,
    IntacctErp,
    NetsuiteErp,
    QuickbooksErp,
    VendorErp,
    XeroErp,
)

if TYPE_CHECKING:
    from connectors.oauth import Consent, Endpoint
    from connectors.tokens import Grant, Keeper
    from state.tokenbook import TokenBook

XERO_IDLE = timedelta(days=60)  # a refresh token that is not used
INTUIT_IDLE = timedelta(days=100)
EXTRA = "this ERP needs libraries that are not installed: pip install 'tieout[erp]'"
Closer = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Making:
    """What every vendor's register is made with."""

    settings: Settings
    clock: Clock
    rng: Rng
    closers: list[Closer] = field(default_factory=list)

    def wire(
        self,
        erp: VendorErp,
        url: str,
        *,
        judge: Judge,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        hide: tuple[Secret, ...] = (),
    ) -> Wire:
        """A wire to one of the vendor's hosts, at the rate that is set."""
        budget = RateBudget(erp.requests_per_second, clock=self.clock)
        return Wire(
            url, clock=self.clock, rng=self.rng, system=erp.name, budget=budget,
            judge=judge, auth=auth, headers=headers, secrets=hide,
        )  # fmt: skip

    def endpoint(self, erp: VendorErp, url: str, *hide: Secret) -> "Endpoint":
        """A token endpoint by its whole address; `login_url` stands for its host."""
        from connectors.oauth import Endpoint, judge

        parts = urlsplit(url)
        base = erp.login_url or f"{parts.scheme}://{parts.netloc}"
        return Endpoint(self.wire(erp, base, judge=judge, hide=hide), parts.path)

    def keeper(self, erp: VendorErp, grant: "Grant") -> "Keeper":
        """Who keeps the register's token, in the state database."""
        from connectors.tokens import Keeper

        return Keeper(
            erp.name, grant, shelf=self.shelf(), seal=seal(self.settings),
            clock=self.clock, tell=remember,
        )  # fmt: skip

    def shelf(self) -> "TokenBook":
        """The token table, closed with everything else."""
        made = open_shelf(self.settings)
        self.closers.append(made.close)
        return made


def connected(erp: VendorErp, making: Making) -> Register:
    """The register of one vendor. Raises ConfigError, SecretUnusable, Misconfigured."""
    try:
        source = MAKERS[erp.kind](erp, making)  # type: ignore[attr-defined]  # each has one
    except ModuleNotFoundError as missing:
        raise ConfigError(f"erp {erp.name}: {EXTRA} ({missing.name})") from missing
    if isinstance(erp, XeroErp):
        return NotingRegister(erp.name, cast("Board", source))
    return VendorRegister(erp.name, source)


def consenting(erp: VendorErp, making: Making) -> "tuple[Consent, Keeper]":
    """The consent that a register rests on, and who keeps it. Raises ConfigError."""
    try:
        grant = _grant(erp, making)
    except ModuleNotFoundError as missing:
        raise ConfigError(f"erp {erp.name}: {EXTRA} ({missing.name})") from missing
    if grant is None:
        raise ConfigError(f"erp {erp.name}: needs no consent; it logs in by itself")
    return grant, making.keeper(erp, grant)


def ask_consent(
    erp: VendorErp,
    making: Making,
    *,
    seconds: int,
    show: Callable[[str], object],
    paste: Callable[[], str],
) -> datetime | None:
    """Have a person consent, and keep the token; answers with when it ends at the latest.

    Where the vendor may redirect to this machine, the answer is waited for here; else the
    person pastes the address to which the browser was sent. Raises Misconfigured, NotNow.
    """
    from connectors.consent import Listener, NotOurs, read_answer

    grant, keeper = consenting(erp, making)
    asked = grant.ask(lambda: secrets.token_urlsafe(32))
    if is_loopback(urlsplit(grant.redirect_url).hostname or ""):
        listener = Listener(grant.redirect_url, asked.state)
        try:
            show(asked.url)
            got = listener.wait(making.clock, seconds)
        finally:
            listener.close()
    else:
        show(asked.url)
        try:
            got = read_answer(paste(), asked.state)
        except NotOurs as not_ours:
            raise Misconfigured(f"{erp.name}: {not_ours}") from None
    chosen = got.more.get("realmId")
    if isinstance(erp, QuickbooksErp) and chosen and chosen != _word(erp, "company"):
        raise Misconfigured(
            f"{erp.name}: the consent is for company {chosen}, and the settings name "
            "another; choose that one in the browser, or set erp.company"
        )
    token = grant.redeem(got.code, asked)
    keeper.consent(token)
    return token.consent_until


def consented(settings: Settings) -> tuple[str, ...]:
    """The ERPs that rest on a person's consent."""
    return tuple(
        erp.name
        for erp in settings.erp
        if isinstance(erp, QuickbooksErp)
        or (isinstance(erp, XeroErp) and erp.login == "consent")
    )


def consent_notices(settings: Settings, now: datetime) -> list[Notice]:
    """What to say of the tokens that are kept; nothing where no ERP has any."""
    if not any(isinstance(erp, VendorErp) for erp in settings.erp):
        return []
    shelf = open_shelf(settings)
    try:
        return list(notices(shelf.tokens(), consented(settings), now))
    finally:
        shelf.close()


def open_shelf(settings: Settings) -> "TokenBook":
    """The token table in the state database."""
    from state.tokenbook import TokenBook

    return TokenBook(database_url(settings.state.url), settings.entity, new_id=new_id)


def seal(settings: Settings) -> Any:
    """How kept tokens are sealed. Raises SecretUnusable, Misconfigured."""
    from connectors.seal import FernetSeal, PlainSeal

    if not settings.state.token_key:
        return PlainSeal()
    keys = resolve(settings.state.token_key, "state.token_key").reveal().split(",")
    for key in keys:
        remember(Secret(key))
    return FernetSeal([Secret(key) for key in keys])


def _grant(erp: VendorErp, making: Making) -> "Consent | None":
    """Whose consent: the two vendors that know no other way, or may choose this one."""
    from connectors.oauth import Consent

    if isinstance(erp, QuickbooksErp):
        secret = _secret(erp, "client_secret")
        token = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"  # noqa: S105 - an address
        base = erp.login_url or "https://appcenter.intuit.com"
        return Consent(
            making.endpoint(erp, token, secret), f"{base}/connect/oauth2",
            _word(erp, "client_id"), secret, "com.intuit.quickbooks.accounting",
            erp.redirect_url, INTUIT_IDLE,
            {"x-include-refresh-token-hard-expires-in": "true"},
        )  # fmt: skip
    if isinstance(erp, XeroErp) and erp.login == "consent":
        secret = _secret(erp, "client_secret")
        base = erp.login_url or "https://login.xero.com"
        return Consent(
            _xero_endpoint(erp, making, secret), f"{base}/identity/connect/authorize",
            _word(erp, "client_id"), secret, erp.scopes, erp.redirect_url, XERO_IDLE,
        )  # fmt: skip
    return None


# --- one maker for each vendor --------------------------------------------------------
def _netsuite(erp: NetsuiteErp, making: Making) -> Source:
    from connectors.erp import netsuite
    from connectors.oauth import SignedAssertion, TokenBased

    base = erp.base_url or (
        f"https://{netsuite.host_of(erp.account)}.suitetalk.api.netsuite.com"
    )
    faults = Faults(making.clock, netsuite.read_fault, netsuite.MEANINGS, netsuite.REMEDIES)
    auth: Auth
    if erp.login == "token":
        auth = TokenBased(
            erp.account.upper().replace("-", "_"), _word(erp, "client_id"),
            _secret(erp, "client_secret"), erp.token_id, _secret(erp, "token_secret"),
            making.clock, new_id,
        )  # fmt: skip
    else:
        path = "/services/rest/auth/oauth2/v1/token"
        endpoint = making.endpoint(erp, f"{base}{path}")
        key = resolve(erp.private_key, _key(erp, "private_key"), lines=True)
        grant = SignedAssertion(
            endpoint, f"{erp.login_url or base}{path}", _word(erp, "client_id"),
            erp.certificate_id, key,
        )  # fmt: skip
        auth = making.keeper(erp, grant)
    wire = making.wire(erp, base, judge=faults, auth=auth, headers={"Prefer": "transient"})
    return netsuite.NetSuite(wire, erp.account, erp.companies)


def _quickbooks(erp: QuickbooksErp, making: Making) -> Source:
    from connectors.erp import quickbooks as qbo

    base = erp.base_url or "https://quickbooks.api.intuit.com"
    _, keeper = consenting(erp, making)
    faults = Faults(making.clock, qbo.read_fault, qbo.MEANINGS, qbo.REMEDIES, pause=60.0)
    wire = making.wire(erp, base, judge=faults, auth=keeper)
    web = (
        "https://sandbox.qbo.intuit.com" if "sandbox" in base else "https://qbo.intuit.com"
    )
    return qbo.QuickBooks(wire, _word(erp, "company"), web=web)


def _xero(erp: XeroErp, making: Making) -> Source:
    from connectors.erp import xero
    from connectors.oauth import ClientCredentials

    company = _word(erp, "company")
    if erp.login == "consent":
        _, keeper = consenting(erp, making)
    else:
        secret = _secret(erp, "client_secret")
        scopes = " ".join(one for one in erp.scopes.split() if one != "offline_access")
        endpoint = _xero_endpoint(erp, making, secret)
        client_id = _word(erp, "client_id")
        grant = ClientCredentials(endpoint, client_id, secret, scopes, basic=True)
        keeper = making.keeper(erp, grant)
    base = erp.base_url or "https://api.xero.com"
    faults = Faults(
        making.clock, xero.read_fault, xero.MEANINGS, xero.REMEDIES, day_over=xero.day_over
    )
    tenant = {"Xero-Tenant-Id": company}
    wire = making.wire(erp, base, judge=faults, auth=keeper, headers=tenant)
    return xero.Xero(wire, company)


def _xero_endpoint(erp: XeroErp, making: Making, secret: Secret) -> "Endpoint":
    return making.endpoint(erp, "https://identity.xero.com/connect/token", secret)


def _intacct(erp: IntacctErp, making: Making) -> Source:
    from connectors.erp import intacct
    from connectors.oauth import ClientCredentials

    base = erp.base_url or "https://api.intacct.com"
    secret, username = _secret(erp, "client_secret"), _word(erp, "username")
    endpoint = making.endpoint(erp, f"{base}/ia/api/v1/oauth2/token", secret)
    more = {"username": username}
    grant = ClientCredentials(endpoint, _word(erp, "client_id"), secret, more=more)
    faults = Faults(
        making.clock, intacct.read_fault, intacct.MEANINGS, intacct.REMEDIES,
        intacct.RETRY_HEADERS,
    )  # fmt: skip
    wire = making.wire(erp, base, judge=faults, auth=making.keeper(erp, grant))
    company = username.partition("@")[2].partition("|")[0]
    return intacct.Intacct(wire, company or username, erp.companies)


def _business_central(erp: BusinessCentralErp, making: Making) -> Source:
    from connectors.erp import business_central as bc
    from connectors.oauth import ClientCredentials

    base = erp.base_url or "https://api.businesscentral.dynamics.com"
    secret, tenant = _secret(erp, "client_secret"), _word(erp, "tenant")
    login = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
    grant = ClientCredentials(
        making.endpoint(erp, login, secret), _word(erp, "client_id"), secret,
        "https://api.businesscentral.dynamics.com/.default",
    )  # fmt: skip
    faults = Faults(making.clock, bc.read_fault, bc.MEANINGS)
    keeper = making.keeper(erp, grant)
    wire = making.wire(erp, base, judge=faults, auth=keeper, headers=bc.headers())
    return bc.BusinessCentral(wire, base, tenant, erp.environment, erp.companies)


MAKERS: Mapping[str, Callable[[Any, Making], Source]] = {
    "netsuite": _netsuite,
    "quickbooks": _quickbooks,
    "xero": _xero,
    "intacct": _intacct,
    "business_central": _business_central,
}


def _key(erp: VendorErp, key: str) -> str:
    return f"erp {erp.name}: {key}"


def _secret(erp: VendorErp, key: str) -> Secret:
    return resolve(getattr(erp, key), _key(erp, key))


def _word(erp: VendorErp, key: str) -> str:
    """A plain id, or the one behind a reference, where it looks too much like a secret."""
    value: str = getattr(erp, key)
    if value.startswith(("env:", "file:")):
        return resolve(value, _key(erp, key)).reveal()
    return value


def new_id() -> str:
    """An id that nobody has used; the one maker of ids."""
    return secrets.token_hex(16)
