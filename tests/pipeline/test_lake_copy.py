"""The copy of the lake: it holds what manifests name, follows whatever changes, and a pipeline can start from it."""

import contextlib
import io
import json
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.fs
import pytest
from buckets import bucket_storage
from buckets import object_storage as running_storage
from handmade_shop import FIRST, event, item, open_shop
from tcp_proxy import proxy

from pipeline import cli, landing, object_storage
from pipeline.backfill import backfill_hours
from pipeline.errors import AuditFailed, BadInput, NotLanded, Overtaken, Unreachable, Unreadable
from pipeline.files import alone_in
from pipeline.hours import HOUR
from pipeline.lake_copy import fetch as fetching
from pipeline.lake_copy import follow as following
from pipeline.lake_copy.fetch import fetch
from pipeline.lake_copy.follow import follow, follow_or_say, waiting
from pipeline.lake_copy.place import open_copy, state_folder
from pipeline.line import STAGES, run_stage
from pipeline.manifests import MARKS, hour_folder, read_manifest
from pipeline.privacy import inboxes, rewrite
from pipeline.privacy.erase import erase_request
from pipeline.privacy.forget import forget_all
from pipeline.privacy.requests import file_request
from pipeline.privacy.tombstones import raise_tombstone, tombstone_file
from pipeline.replay import replay
from pipeline.run import Run
from pipeline.serving.database import connect
from pipeline.settings import Settings

USERS = ("ann", "bob", "eve")
EVERYWHERE = pytest.mark.parametrize("place", ["folder", "bucket"], indirect=True)


@dataclass
class Place:
    """Where a copy lies, and what lies there."""

    url: str
    files: pyarrow.fs.FileSystem
    root: str

    def content(self) -> dict[str, bytes]:
        """Every object by its name below the place."""
        found = self.files.get_file_info(pyarrow.fs.FileSelector(self.root, recursive=True, allow_not_found=True))
        paths = [info.path for info in found if info.type == pyarrow.fs.FileType.File]
        content = {path.removeprefix(f"{self.root}/"): self.files.open_input_stream(path).read() for path in paths}
        return {name: held for name, held in content.items() if name != "owner.json"}

    def write(self, name: str, content: bytes) -> None:
        with self.files.open_output_stream(f"{self.root}/{name}") as stream:
            stream.write(content)


@pytest.fixture(scope="module")
def storage() -> Iterator[int]:
    with running_storage() as port:
        yield port


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A folder, or, where a test says EVERYWHERE, once a folder and once a bucket."""
    if getattr(request, "param", "folder") == "folder":
        return Place(str(tmp_path / "copy"), pyarrow.fs.LocalFileSystem(), str(tmp_path / "copy"))
    port = request.getfixturevalue("storage")
    root = f"shop/{tmp_path.name}"
    return Place(f"s3://{root}?endpoint=http://127.0.0.1:{port}", bucket_storage(port), root)


def run(settings: Settings, *hours: int, repull: bool = False) -> None:
    for hour in hours:
        for stage in STAGES:
            run_stage(stage, FIRST + hour * HOUR, settings, repull=repull)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A shop that traded four hours, of which the first two have run without a copy. Copy it, do not use it."""
    rows = [
        event(kind, user, thing, hour=hour, minute=minute)
        for hour in range(4)
        for user in USERS
        for minute, (kind, thing) in enumerate(
            [("search", "red shoes"), ("click", "i1"), ("purchase", "i2"), ("veiw", "i1")]
        )
    ]
    home = tmp_path_factory.mktemp("traded") / "var"
    settings = open_shop(home, [item(f"i{number}") for number in range(4)], rows, malformed_limit=0.9, k=3)
    run(settings, 0, 1)
    return settings


@pytest.fixture
def shop(traded: Settings, tmp_path: Path, place: Place) -> Settings:
    return traded.model_copy(update={"home": shutil.copytree(traded.home, tmp_path / "var"), "lake_copy": place.url})


def named(settings: Settings) -> dict[str, bytes]:
    """What a copy of this lake holds: manifests, the tables that they name or replaced, tombstones."""
    found: dict[str, bytes] = {}
    for path in [*settings.lake.glob("hours/*/*/*.json"), *settings.lake.glob("replays/*/manifest.json")]:
        manifest = json.loads(path.read_text())
        entries = [*manifest.get("tables", {}).values(), *manifest.get("batches", [])]
        files = [*(entry["file"] for entry in entries), *manifest.get("replaced", [])]
        for file in [path, *(path.parent / name for name in files)]:
            if file.exists():
                found[f"shop/{file.relative_to(settings.lake)}"] = file.read_bytes()
    if tombstone_file(settings).exists():
        found["tombstones.json"] = tombstone_file(settings).read_bytes()
    return found


@EVERYWHERE
def test_the_copy_holds_every_manifest_and_what_it_names_and_nothing_else(shop: Settings, place: Place) -> None:
    run(shop, 2)
    assert place.content() == named(shop)
    assert len({name.split("/")[3] for name in place.content()}) == 3  # the hours from before there was a copy, too
    assert waiting(shop.lake) == []


@EVERYWHERE
def test_an_hour_that_changes_is_copied_again_and_no_other(shop: Settings, place: Place) -> None:
    follow(shop, shop.lake)
    written: list[str] = []
    put = object_storage.Place.put

    def spy(there: Any, name: str, source: Any) -> None:
        written.append(name)
        put(there, name, source)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(object_storage.Place, "put", spy)
        run(shop, 2)
    assert {name.split("/")[3] for name in written} == {"12"}
    assert place.content() == named(shop)
    for factors in (4, 5):  # what a landing replaced stays for one more landing, there as here
        run_stage("train", FIRST + HOUR, shop.model_copy(update={"factors": factors}))
        assert follow(shop, shop.lake) == 1
        assert place.content() == named(shop)


def test_a_backfill_of_older_hours_is_copied(shop: Settings, place: Place) -> None:
    run(shop, 3)
    backfill_hours(shop, [FIRST + 2 * HOUR], list(STAGES))
    assert place.content() == named(shop)
    assert len({name.split("/")[3] for name in place.content()}) == 4


def test_what_a_failed_attempt_left_is_not_copied(shop: Settings, place: Place) -> None:
    with pytest.raises(AuditFailed):
        run_stage(
            "ingest_events", FIRST, shop.model_copy(update={"malformed_limit": 0.0, "gate_min_rows": 1}), repull=True
        )
    assert (hour_folder(shop.lake, FIRST) / "failed").exists()
    follow(shop, shop.lake)
    assert place.content() == named(shop)


def test_without_the_setting_nothing_is_marked_and_nothing_copied(shop: Settings, place: Place) -> None:
    plain = shop.model_copy(update={"lake_copy": ""})
    run(plain, 2)
    assert follow(plain, plain.lake) == 0
    assert not (plain.lake / MARKS).exists()
    assert place.content() == {}


def test_rows_that_wait_for_replay_are_copied(shop: Settings, place: Place) -> None:
    follow(shop, shop.lake)
    replay(shop, FIRST, FIRST, None, ["event_type:veiw=click"])
    assert any("~" in name and name.startswith("replays") for name in waiting(shop.lake))
    run(shop, 2)
    assert any(name.startswith("shop/replays/") for name in place.content())
    assert place.content() == named(shop)


def die_there(*_: object) -> None:
    raise KeyboardInterrupt


def stop_at(name: str) -> Callable[[str], None]:
    def reach(point: str) -> None:
        if point == name:
            raise KeyboardInterrupt

    return reach


@EVERYWHERE
@pytest.mark.parametrize("point", ["copy.tables_put", "copy.manifests_put", "copy.folder_done"])
def test_manifests_in_the_copy_name_whole_tables_wherever_copying_stops(
    shop: Settings, place: Place, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    follow(shop, shop.lake)
    for factors in (4, 5, 6):
        run_stage("train", FIRST + HOUR, shop.model_copy(update={"factors": factors}))
        monkeypatch.setattr(following, "reach", stop_at(point))
        with pytest.raises(KeyboardInterrupt):
            follow(shop, shop.lake)
        there = place.content()
        for name, content in there.items():
            for table in json.loads(content)["tables"].values() if name.endswith(".json") else ():
                assert len(there[f"{name.rpartition('/')[0]}/{table['file']}"]) == table["bytes"]
        monkeypatch.undo()
        assert follow(shop, shop.lake) == 1
        assert place.content() == named(shop)


def test_an_hour_that_lands_while_it_is_copied_is_copied_again(
    shop: Settings, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(shop, shop.lake)
    run_stage("train", FIRST + HOUR, shop.model_copy(update={"factors": 4}))

    def land_meanwhile(point: str) -> None:
        if point == "copy.tables_put":
            monkeypatch.undo()
            run_stage("train", FIRST + HOUR, shop.model_copy(update={"factors": 5}))

    monkeypatch.setattr(following, "reach", land_meanwhile)
    follow(shop, shop.lake)
    assert waiting(shop.lake) == ["hours~2026-01-05~11"]
    follow(shop, shop.lake)
    assert place.content() == named(shop)


@EVERYWHERE
def test_a_table_that_was_cut_off_in_the_copy_is_put_again(shop: Settings, place: Place) -> None:
    follow(shop, shop.lake)
    name = next(name for name in place.content() if name.endswith(".parquet"))
    place.write(name, b"half")
    assert follow(shop, shop.lake, whole=True) == 2
    assert place.content() == named(shop)


def test_a_copy_that_cannot_be_written_warns_and_is_made_up_for(traded: Settings, storage: int, tmp_path: Path) -> None:
    with proxy(("127.0.0.1", storage)) as line:
        url = f"s3://shop/away-{tmp_path.name}?endpoint=http://127.0.0.1:{line.port}"
        home = shutil.copytree(traded.home, tmp_path / "var")
        shop = traded.model_copy(update={"home": home, "lake_copy": url})
        line.reset(limit=0)
        (note,) = [note for note in run_stage("report", FIRST + HOUR, shop).notes if "copy of the lake" in note]
        assert note.startswith(f"warning: the copy of the lake at s3://shop/away-{tmp_path.name} cannot be read: ")
        assert note.endswith("what is missing there is copied with the next hour, or by `treasure-hunt lake push`.")
        assert "canary" not in note and "\n" not in note
        assert waiting(shop.lake) == ["all"]
        line.reset()
        run_stage("report", FIRST + HOUR, shop)
    assert waiting(shop.lake) == []
    assert Place("", bucket_storage(storage), f"shop/away-{tmp_path.name}").content() == named(shop)


@EVERYWHERE
def test_who_is_erased_is_in_no_byte_of_the_copy(shop: Settings, place: Place) -> None:
    follow(shop, shop.lake)
    assert [name for name, content in place.content().items() if b"ann" in content]
    engine = connect(shop.serving)
    number = file_request(engine, shop, "ann")
    with pytest.raises(Unreachable, match="cannot be written"):
        erase_request(shop.model_copy(update={"lake_copy": "/proc/nowhere"}), number)
    erase_request(shop, number)  # was left open
    engine.dispose()
    assert not [name for name, content in place.content().items() if b"ann" in content]
    assert place.content() == named(shop)
    assert "tombstones.json" in place.content()


def test_what_is_forgotten_goes_from_the_copy(shop: Settings, place: Place) -> None:
    follow(shop, shop.lake)
    forget_all(shop, FIRST + HOUR, before=FIRST + HOUR)
    assert waiting(shop.lake) == ["hours~2026-01-05~10"]
    follow(shop, shop.lake)
    assert place.content() == named(shop)


def test_a_manifest_that_only_its_tables_change_is_marked(shop: Settings) -> None:
    """The mark is there before the first byte is, since whoever rewrites may be killed at any moment."""
    follow(shop, shop.lake)
    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(rewrite, "move_into_place", die_there)
        forget_all(shop, FIRST + HOUR, before=FIRST + HOUR)
    assert waiting(shop.lake) == ["hours~2026-01-05~10"]


@EVERYWHERE
def test_a_pipeline_goes_on_from_a_copy_with_the_same_bytes(shop: Settings, tmp_path: Path) -> None:
    follow(shop, shop.lake)
    new = shop.model_copy(update={"home": tmp_path / "new", "source_url": shop.source_url or shop.shop_url})
    done = fetch(new)
    assert (done.hours, done.files) == (2, len(named(shop)))
    assert named(new) == named(shop)
    run(shop, 2)
    run(new, 2)
    for stage in STAGES:
        mine, theirs = (read_manifest(Run(FIRST + 2 * HOUR, one), stage) for one in (shop, new))
        assert mine and theirs and mine["tables"] == theirs["tables"]


def test_a_fetch_that_was_cut_off_is_carried_on(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(shop, shop.lake)
    new, move, moved = shop.model_copy(update={"home": tmp_path / "new"}), fetching.move_into_place, []

    def die(draft: Path, target: Path) -> None:
        if len(moved) == 20:
            raise KeyboardInterrupt
        moved.append(target)
        move(draft, target)

    monkeypatch.setattr(fetching, "move_into_place", die)
    with pytest.raises(KeyboardInterrupt):
        fetch(new)
    monkeypatch.undo()
    for hour in range(2):
        for path in hour_folder(new.lake, FIRST + hour * HOUR).glob("*.json"):
            for entry in json.loads(path.read_text())["tables"].values():
                assert (path.parent / entry["file"]).exists()
    fetch(new)
    assert named(new) == named(shop)


@EVERYWHERE
def test_a_damaged_table_in_the_copy_is_named_and_not_taken(shop: Settings, place: Place, tmp_path: Path) -> None:
    follow(shop, shop.lake)
    name = next(name for name in place.content() if "/11/events." in name)
    place.write(name, place.content()[name][:-1] + b"x")
    new = shop.model_copy(update={"home": tmp_path / "new"})
    with pytest.raises(
        Unreadable,
        match=f"{name} is not what its manifest says in the copy of the lake; `treasure-hunt lake push --all`",
    ):
        fetch(new)
    place.files.delete_file(f"{place.root}/{name}")
    with pytest.raises(Unreadable, match=f"{name} is missing in the copy of the lake"):
        fetch(new)
    assert not (hour_folder(new.lake, FIRST + HOUR) / "ingest_events.json").exists()


def test_a_lake_that_landed_an_hour_otherwise_is_not_overwritten(shop: Settings, tmp_path: Path) -> None:
    follow(shop, shop.lake)
    other = shop.model_copy(update={"home": shutil.copytree(shop.home, tmp_path / "other"), "factors": 3})
    run_stage("train", FIRST + HOUR, other)
    before = named(other)
    with pytest.raises(BadInput, match=r"train\.json is there already and is not what the copy of the lake has"):
        fetch(other)
    assert named(other) == before


def test_a_place_without_a_copy_is_named_without_its_keys(traded: Settings, storage: int, tmp_path: Path) -> None:
    url = f"s3://shop/none?endpoint=http://127.0.0.1:{storage}&access_key=canary&secret_key=canary"
    new = traded.model_copy(update={"home": tmp_path / "new", "lake_copy": url})
    with pytest.raises(BadInput, match=r"there is no copy of the lake of source shop at s3://shop/none\.$"):
        fetch(new)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("gs://canary:canary@bucket/x", "the copy of the lake: gs:/… is neither a folder nor a bucket"),
        ("S3://bucket/x?secret_key=canary", "the copy of the lake: S3:/… is neither a folder nor a bucket"),
        ("s3:/bucket/x?secret_key=canary", "the copy of the lake: s3:/… is neither a folder nor a bucket"),
        ("s3://", "is neither a folder nor a bucket, written like s3://bucket/prefix"),
        ("s3://bucket//x", "is neither a folder nor a bucket, written like s3://bucket/prefix"),
        ("s3://bucket/x?secret=canary", "the copy of the lake: secret is not known in an s3 URL"),
        ("s3://bucket/x?access_key=canary", "the copy of the lake: "),
        ("s3://[bucket", "the copy of the lake: s3:/… is neither a folder nor a bucket"),
        ("s3://bucket/x?endpoint=http://[canary", "the copy of the lake: "),
        ("~nobody-at-all/x", "the copy of the lake: ~nobody-at-all/x is no folder"),
        ("{home}/lake/copy", "lies in the lake itself, {home}/lake; a copy belongs elsewhere"),
        ("{home}/reports/../lake/shop", "lies in the lake itself, {home}/lake; a copy belongs elsewhere"),
    ],
)
def test_a_place_that_cannot_be_meant_is_refused(traded: Settings, tmp_path: Path, url: str, said: str) -> None:
    shop = traded.model_copy(update={"home": tmp_path, "lake_copy": url.format(home=tmp_path)})
    for use in (lambda: follow(shop, shop.lake), lambda: fetch(shop)):
        with pytest.raises(BadInput, match=re.escape(said.format(home=tmp_path))) as error:
            use()
        assert "canary" not in str(error.value)


def test_the_command_line_copies_says_what_waits_and_fetches(
    shop: Settings, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["treasure-hunt", *arguments])
        with contextlib.suppress(SystemExit):
            cli.main()
        out, err = capsys.readouterr()
        return " ".join((out + err).split())

    monkeypatch.setenv("TREASURE_HUNT_HOME", str(shop.home))
    assert "no copy of the lake is kept; set TREASURE_HUNT_LAKE_COPY to a bucket" in call("lake", "push")
    monkeypatch.setenv("TREASURE_HUNT_LAKE_COPY", place.url)
    assert "the copy of the lake has everything to follow" in call("status")
    assert call("lake", "push") == f"2 hours and inboxes copied to {place.url}"
    assert "of the lake has" not in call("status")
    run_stage("train", FIRST + HOUR, shop.model_copy(update={"factors": 4}))
    assert "the copy of the lake has 1 hours or inboxes to follow; `treasure-hunt lake push`" in call("status")
    assert call("lake", "push", "--all") == f"2 hours and inboxes copied to {place.url}"
    monkeypatch.setenv("TREASURE_HUNT_HOME", str(tmp_path / "new"))
    said = call("lake", "fetch")
    assert re.fullmatch(rf"2 hours fetched: \d+ files, \d+\.\d MB, in {tmp_path}/new/lake/shop", said)


def test_a_file_that_was_replaced_and_erased_goes_from_the_copy_too(shop: Settings, place: Place) -> None:
    run_stage(
        "recommend", FIRST + HOUR, shop.model_copy(update={"k": 2})
    )  # so that the manifest names what it replaced
    follow(shop, shop.lake)
    assert any("replaced" in json.loads(content) for name, content in place.content().items() if name.endswith(".json"))
    engine = connect(shop.serving)
    erase_request(shop, file_request(engine, shop, "ann"))
    engine.dispose()
    assert not [name for name, content in place.content().items() if b"ann" in content]
    assert place.content() == named(shop)


def test_rows_of_an_erased_person_that_wait_for_replay_go_from_the_copy_too(shop: Settings, place: Place) -> None:
    replay(shop, FIRST, FIRST, None, ["event_type:veiw=click"])
    follow(shop, shop.lake)
    (before,) = [name for name in place.content() if "replays" in name and name.endswith(".parquet")]
    engine = connect(shop.serving)
    erase_request(shop, file_request(engine, shop, "ann"))
    engine.dispose()
    assert before not in place.content()
    assert place.content() == named(shop)


def test_a_landing_that_had_begun_is_waited_for(shop: Settings, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mark is made before the manifest that it stands for: whoever takes the mark must not read what was before."""
    follow(shop, shop.lake)
    marked, go_on, done = threading.Event(), threading.Event(), []

    def wait_there(point: str) -> None:
        if point == "lake.stage_done":
            marked.set()
            go_on.wait(20)

    monkeypatch.setattr(landing, "reach", wait_there)
    changed = shop.model_copy(update={"factors": 4})
    lander = threading.Thread(target=run_stage, args=("train", FIRST + HOUR, changed))
    lander.start()
    assert marked.wait(60)
    copier = threading.Thread(target=lambda: done.append(follow(shop, shop.lake)))
    copier.start()
    copier.join(1)
    assert not done
    go_on.set()
    for thread in (lander, copier):
        thread.join(60)
    assert done == [1] and waiting(shop.lake) == []
    assert place.content() == named(shop)


def test_another_home_does_not_copy_over_it_and_one_that_fetched_it_does(
    shop: Settings, place: Place, tmp_path: Path
) -> None:
    follow(shop, shop.lake)
    before = place.content()
    other = shop.model_copy(update={"home": tmp_path / "other"})
    shutil.copytree(shop.lake, other.lake)
    shutil.rmtree(other.lake / MARKS)
    with pytest.raises(BadInput, match="is that of another home; give this one a place of its own, or go on from that"):
        follow(other, other.lake)
    assert follow_or_say(other, other.lake)[0].startswith("warning: the copy at ")
    assert place.content() == before
    new = shop.model_copy(update={"home": tmp_path / "new"})
    fetch(new)
    assert follow(new, new.lake) == 2
    with pytest.raises(BadInput, match="is that of another home"):
        follow(shop, shop.lake)
    assert place.content() == before


def test_a_copy_at_another_place_is_whole(shop: Settings, place: Place, tmp_path: Path, caplog: Any) -> None:
    follow(shop, shop.lake)
    moved = shop.model_copy(update={"lake_copy": str(tmp_path / "elsewhere")})
    assert follow(moved, moved.lake) == 2
    there = Place(moved.lake_copy, pyarrow.fs.LocalFileSystem(), moved.lake_copy)
    assert there.content() == place.content() == named(shop)
    assert f"moves to {moved.lake_copy}: remove what is left at {place.url}" in caplog.text


def test_nobody_is_erased_while_the_settings_do_not_name_the_copy(shop: Settings, place: Place) -> None:
    follow(shop, shop.lake)
    engine = connect(shop.serving)
    number = file_request(engine, shop, "ann")
    with pytest.raises(
        BadInput, match=f"a copy of the lake is kept at {place.url}, and TREASURE_HUNT_LAKE_COPY does not"
    ):
        erase_request(shop.model_copy(update={"lake_copy": ""}), number)
    assert not tombstone_file(shop).exists()
    erase_request(shop, number)
    engine.dispose()


def test_hours_that_only_the_copy_has_stay_there_and_keep_an_erasure_open(shop: Settings, place: Place) -> None:
    follow(shop, shop.lake)
    gone = {name: held for name, held in place.content().items() if name.startswith("shop/hours/2026-01-05/10/")}
    shutil.rmtree(hour_folder(shop.lake, FIRST))
    engine = connect(shop.serving)
    number = file_request(engine, shop, "ann")
    with pytest.raises(
        BadInput, match=r"has files in 1 hours or inboxes that this home does not have, the first in shop/hours/"
    ):
        erase_request(shop, number)
    (shop.lake / MARKS / "hours~2026-01-05~10").touch()
    with pytest.raises(NotLanded, match=r"10/\w+\.json is gone, and stands in the copy of the lake at "):
        follow(shop, shop.lake)
    assert gone.items() <= place.content().items()
    for name in gone:
        place.files.delete_file(f"{place.root}/{name}")
    erase_request(shop, number)
    engine.dispose()
    assert place.content() == named(shop)


@pytest.mark.parametrize("file", ["ingest_events.json", "events.*.parquet"])
@pytest.mark.parametrize("is_gone", [False, True])
def test_what_is_damaged_or_gone_in_the_lake_takes_nothing_from_the_copy(
    shop: Settings, place: Place, file: str, is_gone: bool
) -> None:
    follow(shop, shop.lake)
    before = place.content()
    (path,) = hour_folder(shop.lake, FIRST).glob(file)
    path.unlink() if is_gone else path.write_bytes(path.read_bytes()[:-10])
    run_stage("train", FIRST + HOUR, shop.model_copy(update={"factors": 4}))
    with pytest.raises(
        NotLanded, match=rf"{path} is (damaged|gone|missing).*; run ingest_events of 2026-01-05T10 again"
    ):
        follow(shop, shop.lake, whole=True)
    assert {name: held for name, held in place.content().items() if "/10/" in name}.items() <= before.items()
    assert before.keys() <= place.content().keys()
    assert waiting(shop.lake) == ["hours~2026-01-05~10"]  # the others are copied all the same


def test_a_copy_that_was_emptied_is_made_whole_again(shop: Settings, place: Place) -> None:
    follow(shop, shop.lake)
    shutil.rmtree(place.root)
    assert follow(shop, shop.lake) == 2
    assert place.content() == named(shop)


def test_pushing_all_mends_a_table_of_the_copy_that_is_as_long_as_before(shop: Settings, place: Place) -> None:
    follow(shop, shop.lake)
    name = next(name for name in place.content() if "/11/events." in name)
    place.write(name, place.content()[name][:-1] + b"x")
    assert follow(shop, shop.lake, whole=True) == 2
    assert place.content() == named(shop)


def test_a_home_that_has_not_all_of_a_copy_does_not_follow_it(
    shop: Settings, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(shop, shop.lake)
    before = place.content()
    cut = shop.model_copy(update={"home": tmp_path / "cut"})
    monkeypatch.setattr(fetching, "_place", die_there)
    with pytest.raises(KeyboardInterrupt):
        fetch(cut)
    monkeypatch.undo()
    other = shop.model_copy(update={"home": shutil.copytree(shop.home, tmp_path / "other")})
    shutil.rmtree(state_folder(other))
    run_stage("train", FIRST + HOUR, other.model_copy(update={"factors": 3}))
    with pytest.raises(BadInput, match="is there already"):
        fetch(other)
    for home in (cut, other):
        with pytest.raises(BadInput, match="is that of another home"):
            follow(home, home.lake)
    assert place.content() == before


def test_who_is_erased_while_a_copy_is_fetched_does_not_come_back(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(shop, shop.lake)
    new, fill = shop.model_copy(update={"home": tmp_path / "new"}), fetching._fetch_folder

    def fill_and_be_overtaken(*given: Any) -> bool:
        raise_tombstone(new, "ann")
        return fill(*given)

    monkeypatch.setattr(fetching, "_fetch_folder", fill_and_be_overtaken)
    with pytest.raises(Overtaken, match="somebody was erased while the copy of the lake was fetched; fetch again"):
        fetch(new)


def test_an_inbox_that_is_being_rewritten_is_marked(shop: Settings) -> None:
    replay(shop, FIRST, FIRST, None, ["event_type:veiw=click"])
    follow(shop, shop.lake)
    engine = connect(shop.serving)
    with pytest.MonkeyPatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(inboxes, "move_into_place", die_there)
        erase_request(shop, file_request(engine, shop, "ann"))
    engine.dispose()
    assert any(name.startswith("replays~") for name in waiting(shop.lake))


def test_a_bucket_that_refuses_an_upload_keeps_what_it_has(shop: Settings, place: Place) -> None:
    class Refusing:
        def __init__(self, files: Any) -> None:
            self.files = files

        def __getattr__(self, name: str) -> Any:
            return getattr(self.files, name)

        def open_output_stream(self, *_: Any) -> Any:
            raise OSError("AccessDenied")

    there = open_copy(shop)
    there.put("shop/manifest.json", io.BytesIO(b"good"))
    there.is_folder, there._files = False, Refusing(there._files)
    with pytest.raises(
        Unreachable, match=r"cannot be written: AccessDenied; what is missing there is copied with the next"
    ):
        there.put("shop/manifest.json", io.BytesIO(b"better"))
    assert place.content() == {"shop/manifest.json": b"good"}


@pytest.mark.parametrize("damaged", ["state.json", "tombstones.json"])
def test_whatever_is_wrong_with_a_copy_an_hour_ends_well(shop: Settings, place: Place, damaged: str) -> None:
    follow(shop, shop.lake)
    path = tombstone_file(shop) if damaged == "tombstones.json" else state_folder(shop) / damaged
    path.write_text("{", encoding="utf-8")
    (said,) = follow_or_say(shop, shop.lake)
    assert said.startswith(f"warning: {path} is damaged")
    assert "tombstones.json" not in place.content()


def test_an_upload_that_fails_leaves_no_half_file(shop: Settings, place: Place) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise KeyboardInterrupt
            return super().read(3)

    with pytest.raises(KeyboardInterrupt):
        open_copy(shop).put("shop/half", Broken(b"whole"))
    assert place.content() == {}


def test_an_hour_does_not_wait_for_whoever_copies(shop: Settings, place: Place) -> None:
    with alone_in(state_folder(shop)):
        (note,) = [note for note in run_stage("report", FIRST + HOUR, shop).notes if "copied" in note]
    assert note == "the lake is being copied; what is new is copied with the next hour"
    assert place.content() == {}


def test_an_hour_copies_no_more_than_so_many_folders(
    shop: Settings, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_AT_ONCE", 1)
    assert [follow_or_say(shop, shop.lake) for _ in range(3)] == [["hours and inboxes copied: 1"]] * 2 + [[]]
    assert place.content() == named(shop)


def test_an_hour_is_copied_though_the_serving_database_is_away(shop: Settings, place: Place) -> None:
    with pytest.raises(Unreachable):
        run_stage("report", FIRST + HOUR, shop.model_copy(update={"serving_url": "postgresql://nobody@127.0.0.1:1/no"}))
    assert place.content() == named(shop)


def test_a_manifest_that_is_damaged_in_the_copy_is_named(shop: Settings, place: Place, tmp_path: Path) -> None:
    follow(shop, shop.lake)
    place.write("shop/hours/2026-01-05/11/train.json", b'{"tables": ')
    with pytest.raises(Unreadable, match=r"shop/hours/2026-01-05/11/train\.json is damaged in the copy"):
        fetch(shop.model_copy(update={"home": tmp_path / "new"}))


def test_a_table_that_is_damaged_here_is_fetched_again(shop: Settings, tmp_path: Path) -> None:
    follow(shop, shop.lake)
    new = shop.model_copy(update={"home": tmp_path / "new"})
    fetch(new)
    (path,) = hour_folder(new.lake, FIRST).glob("events.*.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    assert fetch(new).files == 1
    assert path.read_bytes() == whole
