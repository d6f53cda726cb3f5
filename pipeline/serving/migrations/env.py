"""What Alembic runs for every command: the revisions go through the connection that `pipeline.serving.migrate` hands in."""

from alembic import context

from pipeline.serving.migrate import REVISION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=REVISION_TABLE)
with context.begin_transaction():
    context.run_migrations()
