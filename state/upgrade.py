"""Bring an older state database to this version's schema. Loaded only when one is met."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, stored: str | None) -> bool:
    """Run every later revision in the caller's transaction; False: `stored` is unknown."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    if stored is not None and stored not in known:
        return False
    command.upgrade(config, "head")
    return True
