"""The page of one hour, put together from its parts: what stopped it, what is live, rows, freshness, lists, rules."""

from collections.abc import Sequence

from pipeline.prices import HOURS_A_MONTH, dollars
from pipeline.report import trends
from pipeline.report.account import Account, count_rules
from pipeline.report.briefs import Brief
from pipeline.report.fresh import freshness
from pipeline.report.html import Html, age, badge, card, element, join, number, page, tiles
from pipeline.report.judged import judged_model
from pipeline.report.ledger import ledgers, quarantined
from pipeline.report.rules import rules
from pipeline.report.samples import samples
from pipeline.report.served import served_lists
from pipeline.report.shop_rules import shop_rules
from pipeline.report.stages import stages


def hour_page(account: Account, day: Sequence[Brief]) -> str:
    """The whole page of an hour's account; `day` are the hours up to it, itself the last."""
    failed = [stage for stage in account["stages"] if stage["sentence"]]
    return page(
        f"{account['hour']} UTC · {account['source']}",
        element(
            "header",
            element("h1", account["hour"].replace("T", " "), ":00 UTC"),
            badge(account["state"]),
            element("span", f"source {account['source']}, arm {account['arm']}", class_="soft"),
            element("nav", element("a", "all hours", href="../index.html")),
        ),
        [
            card(f"{stage['stage']} failed", element("p", stage["sentence"]), class_="bad", hint=_hint(account))
            for stage in failed
        ],
        card("Not in the serving database", element("p", account["trouble"]), class_="warn")
        if account["trouble"]
        else None,
        tiles(_figures(account)),
        ledgers(account),
        quarantined(account),
        freshness(account, day),
        _day(day),
        judged_model(account["evaluated"]),
        served_lists(account["prequential"]),
        samples(account["samples"]),
        shop_rules(account["shop_rules"]),
        rules(account),
        stages(account, day),
        element("footer", f"Code {account['code_version']}. ", _docs_hint(account)),
    )


def _hint(account: Account) -> str:
    if account["trouble"]:
        return "What is live could not be asked."
    if not account["live"]:
        return "Nothing is live yet."
    return f"The last good version keeps serving: {account['live']}, {age(account['live_age_seconds'])} old."


def _docs_hint(account: Account) -> Html:
    if account.get("has_datadocs"):
        where = f"../datadocs/{account['hour']}/index.html"
        return element("a", "The same findings as Great Expectations' own pages", href=where)
    command = element("code", f"treasure-hunt datadocs {account['hour']}")
    return join("The same findings as Great Expectations' own pages: ", command, ".")


def _figures(account: Account) -> list[tuple[str, str]]:
    counts, events = count_rules(account), account["ledgers"].get("events")
    shown = [
        (number(events["delivered"]) if events else "–", "events delivered"),
        (number(events["accepted"]) if events else "–", "events accepted"),
        (str(counts["failed"]), "critical rules failed"),
        (str(counts["warned"]), "rules warned"),
        (str(counts["refused"]), "rules refused rows"),
        (f"{sum(stage['seconds'] for stage in account['stages']):.1f} s", "all stages"),
    ]
    if account["usd"] is not None:
        shown.append((dollars(HOURS_A_MONTH * account["usd"]), "a month of such hours"))
    published = account["freshness"].get("steps", {}).get("published")
    if published:
        shown.append((age(published["p95_seconds"]), "p95 age when published"))
    if account["live"]:
        hour = "this hour" if account["live"] == account["version"] else f"{account['live'][5:13].replace('T', ' ')}h"
        shown += [(hour, "live when this was made"), (age(account["live_age_seconds"]), "age of its data then")]
    if account["versions"]:
        others = {status: count for status, count in account["versions"].items() if status != "published"}
        also = "".join(f", {count} {status}" for status, count in sorted(others.items()))
        shown.append((number(account["versions"].get("published", 0)), f"versions published{also}"))
    if account["burn"] and account["burn"]["hours"]:
        hours, missed, allowance = (account["burn"][name] for name in ("hours", "missed", "allowance"))
        shown.append((f"{missed} of {hours}", f"hours too late in 7 days; {allowance:.0%} may be"))
    return shown


def _day(day: Sequence[Brief]) -> Html:
    recall, ndcg = trends.quality(day, "recall"), trends.quality(day, "ndcg")
    drift = trends.drift(day)
    charts = [
        card("Events by what became of them", trends.rows_by_fate(day)),
        card("Drift", drift, hint="How far each mix moved from the same hour of the last 7 days (PSI).")
        if drift
        else None,
        *(
            card(f"{words} of served lists", chart, hint="Against what users took in the hour; bands: 95 % intervals.")
            for words, chart in (("Recall", trends.served(day, "recall")), ("NDCG", trends.served(day, "ndcg")))
            if chart
        ),
        card("Recall of hidden items", recall) if recall else None,
        card("NDCG of hidden items", ndcg) if ndcg else None,
        *(card(title, chart, hint=hint) for title, hint, chart in trends.gate_charts(day, ["publish"])),
        card("Seconds by stage", trends.seconds_by_stage(day)),
    ]
    return join(element("h2", "The 24 hours up to this one", class_="part"), element("div", charts, class_="two"))
