-- What each frequent search was answered with when, as in user_recommendations_history; only searches that enough users
-- typed to be nobody's own.
-- Grain: source, arm, served_from, query, rank.
create view query_recommendations_history as
select
    served_periods.source,
    served_periods.arm,
    served_periods.version,
    served_periods.interval_start,
    served_periods.served_from,
    served_periods.served_to,
    served_periods.cause,
    query_recommendations.query,
    query_recommendations.rank,
    query_recommendations.item_id,
    query_recommendations.score,
    query_recommendations.reason
from served_periods
inner join query_recommendations on served_periods.version = query_recommendations.version
where query_recommendations.is_common
