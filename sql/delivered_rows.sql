-- Which rows of the source one hour delivered, so that later pulls know what is still missing.
-- Grain: one row per delivered row, by its locator.
-- A late row belongs to an hour that had landed before; it became visible after that hour was pulled.
select
    cast(locator as varchar) as locator,
    cast(try_cast(delivered_at as timestamptz) < $hour_start as boolean) as is_late
from delivered
order by locator
