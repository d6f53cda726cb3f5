"""The worked example of somebody else's arm makes a bundle that may be judged."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from arms_world import at, event, make_log

from pipeline.comparison import bundle
from pipeline.comparison.validate import find_breaches
from pipeline.files import ROOT


def test_the_example_makes_a_valid_bundle_that_knows_nothing_of_the_future(tmp_path: Path) -> None:
    spec = spec_from_file_location("example_arm", ROOT / "docs" / "example_arm.py")
    assert spec and spec.loader
    example = module_from_spec(spec)
    spec.loader.exec_module(example)
    events = [event(hour / 4, f"u{hour % 5}", "abc"[hour % 3]) for hour in range(6, 24)]
    events += [event(5.25, "u1", "d", name=f"late-{place}") for place in range(9)]
    events += [events[0] | {"delivered_at": at(7)}, event(3, "u1", "a", kind="veiw", name="nonsense")]
    log = make_log(tmp_path / "log", events, [(0.5, "u1"), (3.25, "u1"), (6.5, "u2"), (7.9, "u9")], hours=8)
    example.run_arm(log, tmp_path / "bundle")
    assert find_breaches(tmp_path / "bundle", log) == []
    reads = bundle.read_table(tmp_path / "bundle", "reads").to_pylist()
    assert [read["status"] for read in sorted(reads, key=lambda read: read["t"])] == [404, 200, 200, 200]
    lists = bundle.read_table(tmp_path / "bundle", "recommendations").to_pylist()
    first = {row["version"]: row["item_id"] for row in lists if row["rank"] == 1}
    assert first["hour-2026-01-01T05"] in "abc"
    assert first["hour-2026-01-01T06"] == "d"  # nine events of the hour before, and none earlier
    fates = [row["fate"] for row in bundle.read_table(tmp_path / "bundle", "event_visibility").to_pylist()]
    assert (fates.count("duplicate"), fates.count("quarantined"), fates.count("accepted")) == (1, 1, len(events) - 2)
