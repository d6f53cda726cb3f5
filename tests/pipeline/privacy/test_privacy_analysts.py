"""What analysts are shown of typed text: nothing that fewer than five users typed; the store front finds it all the same."""

import json
from pathlib import Path

import pytest
from handmade_shop import FIRST, event, item, open_shop
from sqlalchemy import text

from pipeline.line import STAGES, run_stage
from pipeline.serving import database, read


@pytest.mark.parametrize(("users", "is_shown"), [(4, False), (5, True)])
def test_analysts_see_a_query_from_five_users_up(tmp_path: Path, users: int, is_shown: bool) -> None:
    events = []
    for place in range(users):
        events += [event("search", f"u{place}", "Rare Wish", minute=1), event("click", f"u{place}", "i1", minute=2)]
        # The last one met too few items: its list rests on its search.
    events += [event("search", None, "rare wish", session_id=f"s{place}", minute=3) for place in range(9)]
    settings = open_shop(tmp_path / "var", [item(f"i{place}") for place in range(8)], events, min_model_users=0)
    for stage in STAGES:
        run_stage(stage, FIRST, settings)
    engine = database.connect(settings.serving)
    try:
        with database.reading(engine) as connection:
            shown = connection.scalars(text("select distinct query from live_query_recommendations")).all()
            reasons = connection.scalars(text("select reason from live_user_recommendations")).all()
        assert shown == (["rare wish"] if is_shown else [])
        assert is_shown or not any("rare wish" in reason for reason in reasons)
        assert read.read_query(engine, settings.source, settings.arm, "rare wish").served_reason == "query"
    finally:
        engine.dispose()
    assert all(json.loads(reason) for reason in reasons)
