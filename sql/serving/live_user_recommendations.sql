-- What each known user is shown now.
-- Grain: source, arm, user_id, rank.
create view live_user_recommendations as
select
    live.source,
    live.arm,
    live.version,
    user_recommendations.user_id,
    user_recommendations.rank,
    user_recommendations.item_id,
    user_recommendations.score,
    user_recommendations.reason
from live
inner join user_recommendations on live.version = user_recommendations.version
