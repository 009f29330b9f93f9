"""Eight operators and two routers through a network that breaks, with operators and the server killed: afterwards the books must balance.

DURATION (seconds) and SEED in the environment choose the run; a failure names its seed.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
import typing as t

import psycopg
import pytest

from tests.integration.registry.conftest import ROOT, prepared
from tests.integration.registry.postgres import Cluster, Database
from tests.integration.registry.proxy import Mode, Proxy

DURATION = float(os.environ.get("DURATION", "20"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1_000_000))))
WRITERS = 8
TIMEOUT = 4.0
NETWORK: tuple[Mode, ...] = ("pass", "delay", "reset", "blackhole", "commit_cut_before", "commit_cut_after", "commit_swallow", "commit_swallow_answer")


class Writers:
    """Processes that are killed and replaced; what each noted stays."""

    def __init__(self, registry: Database, proxy: Proxy, folder: pathlib.Path) -> None:
        self._connection = registry.options(login_port=proxy.port, timeout=TIMEOUT)
        self._folder = folder
        self._started = 0
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self._started += 1
        seed = SEED * 1000 + self._started
        log = self._folder / f"writer-{self._started}.jsonl"
        command = [sys.executable, "-m", "tests.integration.registry.writer", json.dumps(self._connection), str(seed), str(log)]
        # Found by its path: without Ansible's finder a writer is there in a moment.
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
        self._running.append(subprocess.Popen(command, cwd=ROOT, env=environment))

    def kill(self, victim: int) -> None:
        process = self._running.pop(victim % len(self._running))
        process.send_signal(signal.SIGKILL)
        process.wait()

    def kill_all(self) -> None:
        while self._running:
            self.kill(0)

    def wait_until_all_work(self) -> None:
        end = time.monotonic() + 240
        while sum(1 for log in self._folder.glob("writer-*.jsonl") if "answer" in log.read_text(encoding="utf-8")) < WRITERS:
            assert time.monotonic() < end, "the writers did not start"
            time.sleep(0.05)

    def dead(self) -> list[int]:
        return [process.returncode for process in self._running if process.poll() is not None]

    def notes(self) -> tuple[dict[str, dict[str, t.Any]], dict[str, dict[str, t.Any]]]:
        """Calls and answers by correlation id; the last line of a killed writer may be cut."""
        calls, answers = {}, {}
        for log in self._folder.glob("writer-*.jsonl"):
            for line in log.read_text(encoding="utf-8").splitlines():
                try:
                    note = json.loads(line)
                except ValueError:
                    continue
                if "call" in note:
                    calls[note["call"]["correlation_id"]] = note["call"]
                else:
                    answers[note["answer"]] = note
        return calls, answers


def read_routes(registry: Database, port: int, stop: threading.Event, wrong: list[t.Any], reads: list[int]) -> None:
    """What a router would see: at every read one revision has the whole traffic, or weights add up to it."""
    parameters = {**registry.cluster.parameters("vllm_reader", registry.name), "port": port, "connect_timeout": 2, "autocommit": True}
    while not stop.is_set():
        try:
            with psycopg.connect(**parameters) as connection:
                while not stop.is_set():
                    rows = connection.execute("SELECT organization_id, environment, revision, weight, share FROM model_routes WHERE routable").fetchall()
                    reads.append(len(rows))
                    wrong.extend(unbalanced(rows))
                    time.sleep(0.01)
        except psycopg.Error:
            time.sleep(0.05)


def unbalanced(rows: list[tuple[t.Any, ...]]) -> list[t.Any]:
    models = collections.defaultdict(list)
    for organization, environment, revision, weight, share in rows:
        models[organization, environment].append((revision, weight, share))
    return [
        (scope, routes)
        for scope, routes in models.items()
        if sum(1 for route in routes if route[1] == 100) > 1
        or (any(route[1] == 100 for route in routes) and any(0 < route[1] < 100 for route in routes))
        or (any(route[1] for route in routes) and abs(float(sum(route[2] for route in routes)) - 1) > 0.00001)
    ]


def torment(cluster: Cluster, proxy: Proxy, writers: Writers, choices: random.Random) -> collections.Counter[str]:
    done: collections.Counter[str] = collections.Counter()
    pause = max(7.0, DURATION / 6)
    end, next_crash = time.monotonic() + DURATION, time.monotonic() + pause
    while time.monotonic() < end:
        if time.monotonic() > next_crash:
            next_crash += pause
            cluster.kill()
            cluster.start()
            done["server killed"] += 1
        proxy.mode = choices.choices(NETWORK, (6, 2, 2, 1, 2, 2, 1, 1))[0]
        done[proxy.mode] += 1
        if proxy.mode == "reset":
            proxy.break_open()
        time.sleep(choices.uniform(0.1, 0.5))
        if proxy.mode == "blackhole":
            # What was swallowed never comes: TCP would find out in a quarter of an hour.
            proxy.break_open()
        if choices.random() < 0.2:
            writers.kill(choices.randrange(WRITERS))
            writers.start()
            done["writer killed"] += 1
    proxy.mode = "pass"
    time.sleep(TIMEOUT + 1)
    return done


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes")
def test_nobody_breaks_the_registry(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    own = Cluster.create(cluster.programs)
    stop = threading.Event()
    wrong: list[t.Any] = []
    reads: list[int] = []
    try:
        registry = prepared(own.database())
        with Proxy(own.port, seed=SEED) as proxy:
            writers = Writers(registry, proxy, tmp_path)
            readers = [threading.Thread(target=read_routes, args=(registry, proxy.port, stop, wrong, reads), daemon=True) for _reader in range(2)]
            try:
                for _writer in range(WRITERS):
                    writers.start()
                for reader in readers:
                    reader.start()
                writers.wait_until_all_work()
                done = torment(own, proxy, writers, random.Random(SEED))
                assert writers.dead() == []
            finally:
                stop.set()
                writers.kill_all()
                proxy.break_open()
                for reader in readers:
                    reader.join(timeout=30)
        calls, answers = writers.notes()
        print(f"\nseed {SEED}: {len(calls)} calls, {summary(answers)}, {len(reads)} reads; {dict(done)}")
        assert wrong == []
        assert len(reads) > DURATION
        check_books(registry, calls, answers)
    except AssertionError as error:
        raise AssertionError(f"SEED={SEED} DURATION={DURATION:g}: {error}") from error
    finally:
        own.stop()


def summary(answers: dict[str, dict[str, t.Any]]) -> dict[str, int]:
    return dict(collections.Counter(kind(answer) for answer in answers.values()))


def kind(answer: dict[str, t.Any]) -> str:
    if "error" in answer:
        return "unknown" if answer["unknown"] else "refused"
    return "changed" if answer["changed"] else "unchanged"


def check_books(registry: Database, calls: dict[str, dict[str, t.Any]], answers: dict[str, dict[str, t.Any]]) -> None:
    events = registry.query(
        "SELECT event_id, correlation_id, deployment_id, deployment_version, entry_before, entry_after, change_id "
        "FROM model_deployment_events ORDER BY event_id"
    )
    of_call: dict[str, list[int]] = {}
    for event_id, correlation_id, *_rest in events:
        of_call.setdefault(correlation_id, []).append(event_id)
    assert set(of_call) <= set(calls)
    # A second after the deadline; where processes wait for a processor, as much longer.
    slack = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert any(answer.get("changed") for answer in answers.values())
    for correlation_id, answer in answers.items():
        # A lost COMMIT that did not happen is tried again under another change, so a call has the events of one change or none.
        if "error" not in answer:
            assert of_call.get(correlation_id, []) == sorted(answer["event_ids"]), answer
            assert bool(answer["event_ids"]) == answer["changed"], answer
        elif not answer["unknown"]:
            assert correlation_id not in of_call, answer
        assert answer["seconds"] < TIMEOUT + slack, answer
    for call in of_call:
        changes = {event[6]: event[0] for event in events if event[1] == call}
        assert len(changes) == 1, (calls[call], answers.get(call), changes)
    check_chain(registry, events)


def check_chain(registry: Database, events: list[tuple[t.Any, ...]]) -> None:
    """Each event begins where the row's last one ended, with the next version; the last one is the row."""
    rows: dict[t.Any, dict[str, t.Any]] = {}
    for _event_id, _correlation, deployment_id, version, before, after, _change in events:
        known = rows.pop(deployment_id, None)
        assert essential(before) == essential(known)
        if after is not None:
            assert version == (known["deployment_version"] if known else 0) + 1
            rows[deployment_id] = after
    found = registry.query("SELECT deployment_id, model_registry_entry(e) FROM model_registry_entries e")
    assert {deployment_id: essential(row) for deployment_id, row in found} == {deployment_id: essential(row) for deployment_id, row in rows.items()}


def essential(row: dict[str, t.Any] | None) -> dict[str, t.Any] | None:
    return row and {name: value for name, value in row.items() if name != "last_health_check_at"}
