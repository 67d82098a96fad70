"""From the ERPs of the settings to their registers: one maker for each kind."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from connectors.patience import Rng
from connectors.ports import Register
from state.clock import Clock
from sync.settings import ConfigError, Settings
from sync.settings_erp import FileErp


def _file(erp: FileErp, clock: Clock, _: Rng) -> Register:
    from connectors.erp.file_drop import FileDrop
    from connectors.erp.file_rows import Reading

    reading = Reading(erp.name, erp.dates, erp.currency, erp.columns)
    return FileDrop(Path(erp.folder), reading, clock=clock, full_snapshot=erp.full_snapshot)


# kind -> maker(settings of that ERP, clock, randomness); a maker imports what it makes.
MAKERS: Mapping[str, Callable[[Any, Clock, Rng], Register]] = {"file": _file}


def connected_erps(settings: Settings, clock: Clock, rng: Rng) -> tuple[Register, ...]:
    """A register for each ERP, in the order of the file. Raises ConfigError."""
    return tuple(connected_erp(erp, clock, rng) for erp in settings.erp)


def connected_erp(erp: Any, clock: Clock, rng: Rng) -> Register:
    """The register of one ERP. Raises ConfigError, SecretUnusable, Misconfigured."""
    maker = MAKERS.get(erp.kind)
    if maker is None:
        raise ConfigError(f"erp {erp.name}: no {erp.kind} register can be read yet")
    return maker(erp, clock, rng)
