"""From the ERPs of the settings to their registers: one maker for each kind."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.patience import Rng
from connectors.ports import FlagBoard, Register
from state.clock import Clock
from sync import wiring_vendors
from sync.secrets import resolve
from sync.settings import Settings
from sync.settings_erp import FileErp, OdooErp, TrytonErp, VendorErp
from sync.wiring_vendors import Closer, Making


def _file(erp: FileErp, clock: Clock, _: Rng) -> Register:
    from connectors.erp.file_drop import FileDrop
    from connectors.erp.file_rows import Reading

    reading = Reading(erp.name, erp.dates, erp.currency, erp.columns)
    return FileDrop(Path(erp.folder), reading, clock=clock, full_snapshot=erp.full_snapshot)


def _odoo(erp: OdooErp, clock: Clock, rng: Rng) -> Register:
    from connectors.erp.odoo import Odoo
    from connectors.erp.odoo_api import Door, Json2, JsonRpc

    token = resolve(erp.token, f"erp {erp.name}: token")
    modern = erp.api == "json2"
    door: Door
    if modern:
        door = Json2(erp.base_url, database=erp.database, token=token, clock=clock, rng=rng)
    else:
        door = JsonRpc(
            erp.base_url,
            database=erp.database,
            login=erp.login,
            token=token,
            clock=clock,
            rng=rng,
        )
    return Odoo(
        erp.name, door, base_url=erp.base_url, companies=erp.companies, modern=modern
    )


def _tryton(erp: TrytonErp, clock: Clock, rng: Rng) -> Register:
    from connectors.erp.tryton import Tryton

    return Tryton(
        erp.name,
        erp.base_url,
        database=erp.database,
        token=resolve(erp.token, f"erp {erp.name}: token"),
        clock=clock,
        rng=rng,
        companies=erp.companies,
    )


# kind -> maker(settings of that ERP, clock, randomness); a maker imports what it makes.
MAKERS: Mapping[str, Callable[[Any, Clock, Rng], Register]] = {
    "file": _file,
    "odoo": _odoo,
    "tryton": _tryton,
}


def connected_erps(
    settings: Settings, clock: Clock, rng: Rng, closers: list[Closer]
) -> tuple[Register, ...]:
    """A register for each ERP, in the order of the file. Raises ConfigError."""
    making = Making(settings, clock, rng, closers)
    return tuple(connected_erp(erp, making) for erp in settings.erp)


def connected_erp(erp: Any, making: Making) -> Register:
    """The register of one ERP. Raises ConfigError, SecretUnusable, Misconfigured."""
    if isinstance(erp, VendorErp):
        return wiring_vendors.connected(erp, making)
    return MAKERS[erp.kind](erp, making.clock, making.rng)


def boards_of(settings: Settings, registers: Sequence[Register]) -> dict[str, FlagBoard]:
    """The registers in which flags are to be shown; off by default."""
    asked = {erp.name for erp in settings.erp if getattr(erp, "show_flags", False)}
    return {
        one.target: one
        for one in registers
        if one.target in asked and isinstance(one, FlagBoard)
    }
