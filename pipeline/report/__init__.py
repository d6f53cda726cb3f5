"""The report: what became of an hour, gathered from its manifests, as pages that need no network."""
