"""The versions of the state database, oldest first; Alembic runs them."""
