-- What each known user was shown when: every list with the period in which readers got it. As of a moment: served_from
-- is not after it, and served_to is null or after it. Lists of removed versions are gone. Ask for one user_id.
-- Grain: source, arm, served_from, user_id, rank.
create view user_recommendations_history as
select
    served_periods.source,
    served_periods.arm,
    served_periods.version,
    served_periods.interval_start,
    served_periods.served_from,
    served_periods.served_to,
    served_periods.cause,
    user_recommendations.user_id,
    user_recommendations.rank,
    user_recommendations.item_id,
    user_recommendations.score,
    user_recommendations.reason
from served_periods
inner join user_recommendations on served_periods.version = user_recommendations.version
