"""The versions of the state database: made, brought up to date, or refused in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from sqlmodel import SQLModel

from state.engine import HEAD, StoreUnusable, open_engine
from state.upgrade import MIGRATIONS, upgrade


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    address: str = request.getfixturevalue("postgres_url")
    return address


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found: list[object] = compare_metadata(context, SQLModel.metadata)
        return found


def test_every_revision_in_turn_ends_in_the_tables_of_this_version(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        assert upgrade(connection, None)
    assert differences(engine) == []
    with engine.connect() as connection:
        stored = connection.execute(text("SELECT version_num FROM alembic_version"))
        assert stored.scalar() == HEAD
    engine.dispose()
    open_engine(url).dispose()  # and is opened as one of ours


def test_an_empty_database_is_made_as_the_revisions_would_make_it(url: str) -> None:
    engine = open_engine(url)
    assert differences(engine) == []
    made = inspect(engine).get_columns("alembic_version")
    engine.dispose()
    other = create_engine("sqlite://")
    with other.begin() as connection:
        upgrade(connection, None)
        by_alembic = inspect(connection).get_columns("alembic_version")
    other.dispose()
    assert [one["name"] for one in made] == [one["name"] for one in by_alembic]


def test_the_head_we_name_is_the_last_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreUnusable, match="newer Tieout"):
        open_engine(url)


def test_a_database_from_before_the_first_release_is_refused(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    engine.dispose()
    with pytest.raises(StoreUnusable, match=r"before Tieout 0\.1\.0 .* state\.url"):
        open_engine(url)


def test_another_program_s_tables_are_left_alone(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE ledgers (id VARCHAR)"))
    engine.dispose()
    engine = open_engine(url)
    assert inspect(engine).has_table("ledgers")
    engine.dispose()


OPENED = """
import sys
from state.books import Books
Books(sys.argv[1], "acme", new_id=lambda: "a").close()
Books(sys.argv[1], "acme", new_id=lambda: "a").close()
sys.exit("alembic" in sys.modules)
"""


def test_a_database_of_this_version_is_opened_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    subprocess.run([sys.executable, "-c", OPENED, url], check=True)
