"""What is reported when the network or the server breaks is what truly happened, and nobody waits past the deadline."""

from __future__ import annotations

import concurrent.futures
import pathlib
import threading
import time
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils.registry import _driver, _session
from ansible_collections.inference.vllm.plugins.module_utils.registry._errors import RegistryError

from tests.integration.registry.conftest import change, prepared
from tests.integration.registry.postgres import PASSWORD, Cluster, Database
from tests.integration.registry.proxy import Mode, Proxy

TRIALS = 200


@pytest.fixture(params=["psycopg", "psycopg2"])
def either_driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"psycopg": _driver.Psycopg3, "psycopg2": _driver.Psycopg2}[request.param]
    monkeypatch.setattr(_session._driver, "driver", chosen)


def through(proxy: Proxy, **more: t.Any) -> dict[str, t.Any]:
    return {"login_port": proxy.port, **more}


def lose(registry: Database, trial: int, mode: Mode) -> None:
    model = f"model-{trial}"
    change(registry, model=model, revision="rev-a")
    with Proxy(registry.cluster.port, mode=mode, once=True) as proxy:
        outcome = change(registry, model=model, revision="rev-b", connection=through(proxy, timeout=6.0 if "swallow" in mode else 30.0))
        assert proxy.broken == 1
    rows = registry.query(
        "SELECT deployment_revision, deployment_status, deployment_version FROM model_registry_entries WHERE model_name = %s ORDER BY 1", (model,)
    )
    assert rows == [("rev-a", "superseded", 2), ("rev-b", "ready", 1)]
    events = registry.query("SELECT event_id FROM model_deployment_events WHERE model_name = %s ORDER BY 1", (model,))
    assert outcome.changed
    assert [event["event_id"] for event in outcome.events] == [event_id for (event_id,) in events[1:]]
    assert len(events) == 3


def test_a_lost_answer_to_commit_is_reported_as_what_truly_happened(registry: Database) -> None:
    modes: list[Mode] = ["commit_cut_before", "commit_cut_after", "commit_cut_after", "commit_cut_before", "commit_swallow_answer", "commit_swallow"]
    weighted = [modes[trial % 4] if trial % 10 else modes[4 + trial // 10 % 2] for trial in range(TRIALS)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(lose, registry, trial, mode) for trial, mode in enumerate(weighted)]:
            done.result()


@pytest.mark.usefixtures("either_driver")
@pytest.mark.parametrize("mode", ["commit_cut_before", "commit_cut_after", "commit_swallow", "commit_swallow_answer"])
def test_either_driver_survives_a_lost_commit(registry: Database, mode: Mode) -> None:
    lose(registry, 1, mode)


def test_a_lost_commit_that_happened_is_no_version_conflict(registry: Database) -> None:
    change(registry)
    with Proxy(registry.cluster.port, mode="commit_cut_after", once=True) as proxy:
        outcome = change(registry, display_name="new", expected_version=1, connection=through(proxy))
    assert outcome.changed
    assert outcome.entry["deployment_version"] == 2


def test_a_lost_commit_with_the_database_gone_is_told_as_unknown(registry: Database) -> None:
    change(registry)
    with Proxy(registry.cluster.port, mode="commit_cut_after") as proxy:

        def refuse_once_broken() -> None:
            while not proxy.broken:
                time.sleep(0.001)
            proxy.mode = "refuse"

        threading.Thread(target=refuse_once_broken, daemon=True).start()
        start = time.monotonic()
        with pytest.raises(RegistryError, match=r"run the task once more") as caught:
            change(registry, display_name="new", connection=through(proxy, timeout=3.0))
        assert caught.value.code == "commit_unknown"
        assert time.monotonic() - start < 4


@pytest.mark.usefixtures("either_driver")
def test_a_connection_that_breaks_before_commit_is_tried_again(registry: Database) -> None:
    change(registry)
    with Proxy(registry.cluster.port) as proxy:
        holder = registry.connect()
        holder.execute("BEGIN")
        holder.execute("LOCK model_registry_entries IN ACCESS EXCLUSIVE MODE")

        def break_then_free() -> None:
            time.sleep(0.4)
            proxy.break_open()
            holder.execute("ROLLBACK")

        breaker = threading.Thread(target=break_then_free)
        breaker.start()
        outcome = change(registry, display_name="new", connection=through(proxy))
        breaker.join()
        holder.close()
    assert outcome.changed
    assert registry.query("SELECT deployment_version, count(*) OVER () FROM model_registry_entries") == [(2, 1)]


@pytest.mark.usefixtures("either_driver")
@pytest.mark.parametrize("after", ["at once", "when it is connected"])
def test_a_black_hole_ends_at_the_deadline(registry: Database, after: str) -> None:
    change(registry)
    with Proxy(registry.cluster.port, mode="blackhole" if after == "at once" else "pass") as proxy, registry.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK model_registry_entries IN ACCESS EXCLUSIVE MODE")
        timer = threading.Timer(0.5, setattr, (proxy, "mode", "blackhole"))
        timer.start()
        start = time.monotonic()
        with pytest.raises(Error, match=r"did not answer within 3 s|did not answer in time"):
            change(registry, display_name="new", connection=through(proxy, timeout=3.0))
        assert time.monotonic() - start < 4
        timer.cancel()
    assert registry.query("SELECT display_name FROM model_registry_entries") == [(None,)]


def test_a_lock_held_by_someone_ends_at_the_deadline_in_words(registry: Database) -> None:
    change(registry)
    with registry.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK model_registry_entries IN ACCESS EXCLUSIVE MODE")
        start = time.monotonic()
        with pytest.raises(Error, match=r"did not (answer|finish)"):
            change(registry, display_name="new", connection={"timeout": 2.0})
        assert time.monotonic() - start < 3


def test_a_server_that_is_killed_and_restarted_is_waited_for_within_the_deadline(cluster: Cluster) -> None:
    own = Cluster.create(cluster.programs)
    try:
        registry = prepared(own.database())
        change(registry)
        with Proxy(own.port, mode="commit_cut_before", once=True) as proxy:

            def crash() -> None:
                while not proxy.broken:
                    time.sleep(0.001)
                own.kill()
                own.start()

            crasher = threading.Thread(target=crash)
            crasher.start()
            outcome = change(registry, display_name="new", connection=through(proxy, timeout=20.0))
            crasher.join()
        assert outcome.changed
        assert registry.query("SELECT display_name, deployment_version FROM model_registry_entries") == [("new", 2)]
    finally:
        own.stop()


@pytest.mark.usefixtures("either_driver")
@pytest.mark.parametrize(
    ("connection", "code", "sentence"),
    [
        ({"login_password": "canary-wrong"}, "database_auth", "refused the password of user vllm_operator; check login_user and login_password"),
        ({"login_user": "nobody_here"}, "database_auth", "refused the password of user nobody_here"),
        ({"login_db": "nix"}, "database_missing", "has no database nix; check login_db"),
        ({"login_port": 1}, "database_unreachable", "nothing listens for PostgreSQL at 127.0.0.1:1; check login_host and login_port"),
        ({"login_host": "registry.invalid"}, "database_unreachable", "the host name of PostgreSQL at registry.invalid:[0-9]+ does not resolve"),
        ({"ssl_mode": "require"}, "database_tls", "offers no TLS and ssl_mode asks for it"),
        ({"schema": "elsewhere"}, "schema_missing", "in database .*, schema elsewhere .*run the playbook inference.vllm.registry_schema"),
        ({"login_user": "vllm_reader"}, "not_granted", "user vllm_reader may not do this .* the playbook inference.vllm.registry_schema grants it"),
    ],
)
def test_each_refusal_has_a_code_and_one_sentence_without_the_password(registry: Database, connection: dict[str, t.Any], code: str, sentence: str) -> None:
    with pytest.raises(RegistryError, match=sentence) as caught:
        change(registry, connection=connection)
    assert caught.value.code == code
    text = str(caught.value)
    assert "\n" not in text
    assert "canary" not in text
    assert PASSWORD not in text


def test_a_missing_schema_is_told_with_the_playbook_that_makes_it(empty: Database) -> None:
    with pytest.raises(RegistryError) as caught:
        change(empty)
    assert caught.value.code == "schema_missing"


def test_no_thread_stays_behind(registry: Database, tmp_path: pathlib.Path) -> None:
    before = threading.active_count()
    for _run in range(5):
        change(registry)
    end = time.monotonic() + 2
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before
