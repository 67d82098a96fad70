"""From the ERPs of the settings to their registers: one maker for each kind."""

from collections.abc import Callable, Mapping
from typing import Any

from connectors.patience import Rng
from connectors.ports import Register
from state.clock import Clock
from sync.settings import ConfigError, Settings

# kind -> maker(settings of that ERP, clock, randomness); a maker imports what it makes.
MAKERS: Mapping[str, Callable[[Any, Clock, Rng], Register]] = {}


def connected_erps(settings: Settings, clock: Clock, rng: Rng) -> tuple[Register, ...]:
    """A register for each ERP, in the order of the file. Raises ConfigError."""
    return tuple(connected_erp(erp, clock, rng) for erp in settings.erp)


def connected_erp(erp: Any, clock: Clock, rng: Rng) -> Register:
    """The register of one ERP. Raises ConfigError, SecretUnusable, Misconfigured."""
    maker = MAKERS.get(erp.kind)
    if maker is None:
        raise ConfigError(f"erp {erp.name}: no {erp.kind} register can be read yet")
    return maker(erp, clock, rng)
