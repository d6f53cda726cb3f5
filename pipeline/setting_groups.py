"""Which settings do not decide what comes out, by what they are about; manifests do not name them."""

# They say where things are and how long to wait, not what comes out: they differ between machines, the bytes do not.
PLACES = {"home", "source_url", "data", "serving_url", "start", "hash_key"}
PLACES |= {"lake_copy", "data_docs", "alert_webhook", "late_minutes", "price_sheet"}
MACHINE = {"threads", "memory_limit", "ingest_memory_limit", "spark_master"}
WAITS = {"source_connect_seconds", "source_timeout_seconds"}
# They say from when on somebody is told, not what comes out.
WATCH = {"stale_after_minutes", "freshness_objective_minutes", "freshness_allowance"}
READING = {"serving_read_url", "api_key", "api_requests_per_second", "api_connections", "api_patience_ms"}
READING |= {"lookup_password"}
# They say what is taken out of hours that are over.
RETENTION = {"query_text_days", "version_text_days", "keep_versions", "keep_days"}

UNDECIDING = PLACES | MACHINE | WAITS | WATCH | READING | RETENTION
