"""What Alembic runs; the connection comes from `ledger_service.store.migrate`."""

from alembic import context

from ledger_service.store import chain_tables, session_tables, tables
from ledger_service.store.metadata import metadata

# Imported so that every table is on the metadata.
DECLARED = (chain_tables, session_tables, tables)

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
