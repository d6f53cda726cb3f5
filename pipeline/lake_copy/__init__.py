"""A copy of the lake in a bucket of object storage, or in a folder elsewhere, that follows the lake; and the way back.

    <TREASURE_HUNT_LAKE_COPY>/owner.json             which home it is the copy of
    <TREASURE_HUNT_LAKE_COPY>/tombstones.json        who was erased, as keyed hashes; the key itself is never copied
    <TREASURE_HUNT_LAKE_COPY>/<source>/hours/2026-01-01/13/<stage>.json, <table>.<hash>.parquet
    <TREASURE_HUNT_LAKE_COPY>/<source>/replays/…     both as in the lake, without what failed attempts left

Object storage has neither rename nor locks, and none is needed: tables are named by their bytes and are put first, then the
manifests that name them, and what no manifest names goes last. So whoever follows a manifest there finds whole tables. An
hour that lands or is rewritten leaves a mark in the lake (`manifests.mark_changed`), which goes when the copy has followed:
what could not be copied, and what changed meanwhile, is copied with the next.
"""
