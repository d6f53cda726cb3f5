-- Who may do what in the serving database; made anew with every migration, so that what is not named here is not granted.
-- {{names}} are filled in as identifiers; create stands with the owner alone.
revoke all on {relations} from public, {publisher}, {api}, {analyst};

-- The publisher makes versions, moves the pointer, reports, erases and forgets. Parts are granted as their table is.
grant select, insert, update, delete, maintain on {published} to {publisher};
grant select, insert, update, delete on
    run_stages, ingest_ledger, quarantine_summary, quality_results, event_freshness, prequential
to {publisher};
grant select, insert, update on versions, live, attempts, erasures to {publisher};
grant select, insert on live_history to {publisher};
grant select on serving_schema, serving_revision to {publisher};
grant select on {views} to {publisher};
grant usage on sequence live_history_id_seq, attempts_token_seq, erasures_request_seq to {publisher};
grant execute on function
    create_part(text, text), index_part(text, text), attach_part(text, text), drop_part(text, text)
to {publisher};

-- The store front reads lists, by the very query that somebody typed too.
grant select on {published}, live, versions to {api};
grant select on {live_views}, freshness to {api};

-- Analysts read everything but what few people typed: query_recommendations only through views that leave it out.
grant select on
    items, user_recommendations, similar_items, popular_items,
    versions, live, live_history, attempts, run_stages,
    ingest_ledger, quarantine_summary, quality_results, event_freshness, prequential
to {analyst};
grant select on {views} to {analyst};
