"""Where each source is and what is asked of it, in words for whoever checks a report."""

from urllib.parse import urlsplit

from state.observations import CORE
from state.receivables import STRIPE
from sync.settings import Settings

METRONOME = "https://api.metronome.com"
STRIPE_API = "https://api.stripe.com"
CORE_FILTER = (
    "every customer, active and archived; DRAFT, FINALIZED and VOID; no date limit"
)
STRIPE_FILTER = "every invoice and credit note of the account; every status; no date limit"
ERP_FILTER = "every customer invoice and credit memo{whose}; every status; no date limit"
FILE_FILTER = "every export that was dropped, from the first on"


def told(settings: Settings, source: str) -> tuple[str, str]:
    """The address or folder of a source, and what is read of it."""
    if source == CORE:
        return _core(settings), CORE_FILTER
    if source == STRIPE:
        return _stripe(settings), STRIPE_FILTER
    for erp in settings.erp:
        if erp.name != source:
            continue
        if erp.kind == "file":
            return f"files in {erp.folder}", FILE_FILTER
        companies = getattr(erp, "companies", ()) or (getattr(erp, "company", ""),)
        named = ", ".join(one for one in companies if one)
        whose = (
            f" of company {named}" if named else " of every company that the key can see"
        )
        place = _bare(erp.base_url) or f"{erp.kind}, at its vendor's address"
        database = getattr(erp, "database", "")
        where = f"{place}, database {database}" if database else place
        return where, ERP_FILTER.format(whose=whose)
    return "", ""


def _core(settings: Settings) -> str:
    core = settings.core
    if core.base_url:
        return _bare(core.base_url)
    return METRONOME if core.kind == "metronome" else f"embedded, in {core.data_dir}"


def _stripe(settings: Settings) -> str:
    stripe = settings.stripe
    place = _bare(stripe.api_base) or (
        STRIPE_API if stripe.api_key else "embedded stand-in"
    )
    account = f", account {stripe.account}" if stripe.account else ""
    return f"{place}, mode {stripe.mode}{account}"


def _bare(url: str) -> str:
    """An address without whatever stands before its host's name."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
