"""What a query without a list of its own was meant to be: the nearest one that has a list, by which it is read."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.engine import Dialect

from pipeline.nearest import Nearest, NearQueries
from pipeline.serving.contract import Asked, Source
from pipeline.serving.explain import searched_query
from pipeline.serving.schema import query_recommendations
from pipeline.serving.steps import Rows, Steps, compile_question

KEPT_QUERIES = 20_000  # of one version, some ten megabytes; the common ones first
QUERIES_AT_ONCE = 1_000  # a few milliseconds
NOTHING_NAMED = '["searched"]'
_query = query_recommendations.c.query


@dataclass(slots=True)
class Meant:
    """What is asked of the database, and what of it nobody typed: the query that answers, and all queries so replaced."""

    asked: Asked
    answering: Nearest | None = None
    replaced_by: frozenset[str] = frozenset()

    def tell(self, rows: Rows) -> Rows:
        """Rows of sql/serving/served_list.sql in which no reason says that somebody searched for what nobody typed."""
        if not self.replaced_by:
            return rows
        told = []
        for *facts, reason, source in rows:
            is_nearest = self.answering is not None and source == Source.QUERY
            told.append(
                (
                    *facts,
                    NOTHING_NAMED if searched_query(reason) in self.replaced_by else reason,
                    Source.NEAREST.value if is_nearest else source,
                )
            )
        return told


def finding(asked: Asked, known: NearQueries | None, version: str, dialect: Dialect) -> Steps[Meant]:
    """What to ask for: each query with a list stays what it is. Where not all of them are kept, those that seem to have
    none are looked up first.
    """
    typed = [query for query in (asked.query, *asked.queries) if query]
    near = {query: found for query in typed if known and (found := known.find(query))}
    if near and known and not known.is_whole:
        for (query,) in (yield compile_question(_listed(version).where(_query.in_(list(near))), dialect)):
            del near[query]
    if not near:
        return Meant(asked)
    answers = {query: one.query for query, one in near.items()}
    meant = replace(
        asked,
        query=answers.get(asked.query, asked.query) if asked.query else None,
        queries=tuple(dict.fromkeys(answers.get(query, query) for query in asked.queries)),
    )
    return Meant(meant, near.get(asked.query) if asked.query else None, frozenset(answers.values()).difference(typed))


def learning_queries(version: str, dialect: Dialect) -> Steps[NearQueries]:
    """The queries of a version whose lists hold more than what is popular, as many as are kept, some at a time: an event
    loop has others to answer.
    """
    known = NearQueries()
    for is_common in (True, False):
        after, is_more = "", True
        while is_more:
            count = min(QUERIES_AT_ONCE, KEPT_QUERIES - len(known.known))
            rows = yield compile_question(_more_queries(version, is_common, after, count), dialect)
            known.learn((query, is_common) for (query,) in rows)
            is_more = len(rows) == QUERIES_AT_ONCE
            after = rows[-1][0] if rows else ""
    known.is_whole = len(known.known) < KEPT_QUERIES
    known.weigh()
    return known


def _more_queries(version: str, is_common: bool, after: str, count: int) -> Select[Any]:
    more = query_recommendations.c.is_common.is_(is_common), _query > bindparam("after", after)
    return _listed(version).where(*more).order_by(_query).limit(count)


def _listed(version: str) -> Select[Any]:
    """The queries of a version whose lists hold more than what is popular."""
    columns = query_recommendations.c
    first = columns.version == bindparam("version", version), columns.rank == 1, columns.reason != '["popular"]'
    return select(_query).where(*first)
