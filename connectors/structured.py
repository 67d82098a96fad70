"""The log's library, loaded without what it would load for a developer's terminal.

structlog imports rich, where rich is installed, to paint tracebacks. We log none, and a
daemon that runs for months need not hold those 7 MB.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import structlog
else:

    def _without(name: str) -> Any:
        """Structlog, imported as if this library were not installed."""
        held = {
            module: sys.modules.pop(module)
            for module in list(sys.modules)
            if module.partition(".")[0] == name
        }
        sys.modules[name] = None
        try:
            return importlib.import_module("structlog")
        finally:
            del sys.modules[name]
            sys.modules.update(held)

    structlog = _without("rich")

__all__ = ["structlog"]
