-- What each frequent search is answered with now; only searches that enough users typed to be nobody's own.
-- Grain: source, arm, query, rank.
create view live_query_recommendations as
select
    live.source,
    live.arm,
    live.version,
    query_recommendations.query,
    query_recommendations.rank,
    query_recommendations.item_id,
    query_recommendations.score,
    query_recommendations.reason
from live
inner join query_recommendations on live.version = query_recommendations.version
where query_recommendations.is_common
