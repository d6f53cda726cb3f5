"""The serving database: tables by version, one pointer row per source and arm, the same on SQLite and PostgreSQL."""
