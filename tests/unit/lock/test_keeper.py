"""The lock is held for as long as a process works on the release, and what was lost is not written over."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._actor import Actor
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._spec import Context
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Unreachable
from ansible_collections.inference.vllm.plugins.module_utils.lock import _holder as holder
from ansible_collections.inference.vllm.plugins.module_utils.lock import _keeper as keeper
from ansible_collections.inference.vllm.plugins.module_utils.lock import _lease as lease
from ansible_collections.inference.vllm.plugins.module_utils.lock import _lock as lock

from tests.unit.lock._server import Server

ME = lease.Owner("me", "here", 1)
OTHER = lease.Owner("other", "there", 2)
PATIENCE = 20.0


def silent(_text: str) -> None:
    pass


def of(server: Server, owner: lease.Owner = ME, duration: int = 3) -> lock.Lock:
    return lock.Lock(t.cast(t.Any, server), "ns", "m", owner, duration=duration)


def eventually(holds: t.Callable[[], t.Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


class Kept:
    """A keeper at work on a lock that it holds."""

    def __init__(self, duration: int = 3, parent: int = 0) -> None:
        self.server = Server()
        mine = of(self.server, duration=duration)
        mine.acquire(Deadline(1), silent)
        self.keeper = keeper.Keeper(mine, duration, parent=parent)
        self.canceled = threading.Event()
        self.keeper.on_loss(self.canceled.set)

    def __enter__(self) -> Kept:
        self.keeper.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.keeper.stop()

    def lost(self) -> lock.LeaseLostError:
        """How it was lost, once what runs was canceled."""
        assert self.canceled.wait(PATIENCE), "nothing was canceled"
        with pytest.raises(lock.LeaseLostError) as found:
            self.keeper.raise_if_lost()
        return found.value


def test_it_renews_while_the_main_thread_is_busy() -> None:
    with Kept() as kept:
        first, end = kept.server.version, time.monotonic() + PATIENCE
        while kept.server.version < first + 2 and time.monotonic() < end:
            sum(range(10_000))
        assert kept.server.version >= first + 2
        kept.keeper.raise_if_lost()


def test_a_take_over_cancels_what_runs_and_refuses_every_further_write() -> None:
    with Kept() as kept:
        kept.server.take(OTHER)
        assert kept.lost().code == "lock_lost"
        before = kept.server.version
        with pytest.raises(lock.LeaseLostError):
            kept.keeper.check({lease.VERIFIED: "{}"})
        assert kept.server.version == before, "the other one's lease was written over"


def test_a_write_right_after_the_take_over_is_refused_although_the_keeper_has_not_looked_yet() -> None:
    kept = Kept(duration=120)
    kept.server.take(OTHER)
    kept.keeper.raise_if_lost()
    with pytest.raises(lock.LeaseLostError):
        kept.keeper.check()


def test_a_check_that_finds_the_lock_lost_is_remembered_by_the_steps_that_only_ask_the_keeper() -> None:
    kept = Kept(duration=120)
    kept.server.take(OTHER)
    with pytest.raises(lock.LeaseLostError):
        kept.keeper.check()
    with pytest.raises(lock.LeaseLostError):
        kept.keeper.raise_if_lost()
    assert kept.canceled.is_set()


def test_a_short_blip_of_the_api_loses_nothing() -> None:
    with Kept(duration=9) as kept:
        kept.server.broken = Unreachable("no answer")
        time.sleep(3.5)
        kept.server.broken = None
        before = kept.server.version
        eventually(lambda: kept.server.version > before)
        kept.keeper.check()
        assert not kept.canceled.is_set()


def test_an_api_that_is_away_loses_the_lock_before_somebody_else_may_take_it() -> None:
    with Kept() as kept:
        start = time.monotonic()
        kept.server.broken = Unreachable("no answer")
        assert kept.canceled.wait(PATIENCE)
        assert 1.0 <= time.monotonic() - start <= 3.0
        assert kept.lost().code == "lock_lost"


@pytest.mark.parametrize("duration", [3, 10, 30, 120, 3600])
def test_several_attempts_fit_between_the_first_failure_and_the_end_of_the_lock(duration: int) -> None:
    first, give_up = duration / 3, duration - duration / 10 - keeper.call_seconds(duration)
    assert give_up - first >= 2 * duration / 10


def test_an_error_of_no_kind_that_we_know_does_not_end_the_keeper_unseen() -> None:
    """A thread that dies in silence leaves a run that believes in its lock."""
    with Kept() as kept:
        kept.server.broken = OSError("disk")
        assert kept.lost().code == "lock_lost"


def test_a_cancel_that_fails_does_not_stop_the_others() -> None:
    kept = Kept()
    later = threading.Event()

    def fails() -> None:
        raise RuntimeError("it ended already")

    kept.keeper.on_loss(fails)
    kept.keeper.on_loss(later.set)
    with kept:
        kept.server.take(OTHER)
        assert later.wait(PATIENCE)


def test_what_is_begun_after_the_loss_is_canceled_at_once() -> None:
    with Kept() as kept:
        kept.server.take(OTHER)
        kept.lost()
        late = threading.Event()
        kept.keeper.on_loss(late.set)
        assert late.is_set()


def _worker(found: t.Any) -> None:
    """What an Ansible worker is: a child that outlives the process of its playbook."""
    with Kept(parent=os.getppid()) as kept:
        found.put("ready")
        found.put(kept.lost().code)


def _playbook(found: t.Any) -> None:
    multiprocessing.get_context("fork").Process(target=_worker, args=(found,)).start()
    time.sleep(1.0)
    os._exit(0)


def test_the_end_of_the_playbooks_own_process_is_a_loss() -> None:
    context = multiprocessing.get_context("fork")
    found: t.Any = context.Queue()
    playbook = context.Process(target=_playbook, args=(found,))
    playbook.start()
    assert found.get(timeout=PATIENCE) == "ready"
    assert found.get(timeout=PATIENCE) == "orphaned"
    playbook.join(PATIENCE)


def test_a_note_survives_renewals_and_the_end_of_the_run_and_another_run() -> None:
    note = json.dumps({"content": "sha256:c"})
    with Kept() as kept:
        kept.keeper.check({lease.VERIFIED: note, "other": "kept for the run"})
        first = kept.server.version
        eventually(lambda: kept.server.version > first)
        kept.keeper.check()
        assert lease.verified(kept.server.stored) == {"content": "sha256:c"}
    assert of(kept.server).release()
    assert lease.verified(kept.server.stored) == {"content": "sha256:c"}
    assert lease.owner_of(t.cast(lease.Json, kept.server.stored)) is None
    of(kept.server, OTHER).acquire(Deadline(1), silent)
    of(kept.server, OTHER).renew()
    assert lease.verified(kept.server.stored) == {"content": "sha256:c"}


def test_a_note_that_is_none_is_removed() -> None:
    with Kept() as kept:
        kept.keeper.check({lease.VERIFIED: "{}", "x": "1"})
        kept.keeper.check({"x": None})
        assert "x" not in t.cast(lease.Json, kept.server.stored)["metadata"]["annotations"]
        assert lease.VERIFIED in t.cast(lease.Json, kept.server.stored)["metadata"]["annotations"]


def taken(server: Server, monkeypatch: pytest.MonkeyPatch, context: Context) -> t.Any:
    monkeypatch.setattr(keeper, "Client", lambda *_given, **_more: server)
    return keeper.held(t.cast(t.Any, None), "ns", "m-dev", context, reason="deploy of m", duration=120, wait=0)


def context(host: str, run: int = 0) -> Context:
    return Context(actor=Actor("me"), pid=run or os.getpid(), host=host)


def test_the_lock_is_given_back_at_the_end_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()

    def fails() -> None:
        with taken(server, monkeypatch, context("m")):
            assert t.cast(lease.Json, server.stored)["spec"]["holderIdentity"]
            raise ValueError("it broke")

    with pytest.raises(ValueError, match="it broke"):
        fails()
    assert t.cast(lease.Json, server.stored)["spec"]["holderIdentity"] == ""


def test_a_lock_that_was_taken_over_is_not_given_back_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    with taken(server, monkeypatch, context("m")):
        server.take(OTHER)
    assert t.cast(lease.Json, server.stored)["spec"]["holderIdentity"] == OTHER.identity


def of_host(host: str, pid: int, run: int) -> lease.Owner:
    return holder.me(context(host, run), "deploy", pid=pid)


def test_two_hosts_of_one_play_with_one_release_are_refused_and_not_waited_for() -> None:
    server, run = Server(), os.getppid()
    of(server, of_host("first", os.getpid(), run), duration=120).acquire(Deadline(1), silent)
    # Another living process of the same run: each host has a worker of its own.
    with pytest.raises(lock.DuplicateReleaseError, match="vllm_release") as refused:
        of(server, of_host("second", run, run), duration=120).acquire(Deadline(60), silent)
    assert refused.value.code == "duplicate_release"


def test_two_hosts_of_one_play_that_one_worker_serves_are_refused_too() -> None:
    """With forks=1, or where a strategy reuses its workers, the process is the same."""
    server, run = Server(), os.getppid()
    of(server, of_host("first", os.getpid(), run), duration=120).acquire(Deadline(1), silent)
    with pytest.raises(lock.DuplicateReleaseError):
        of(server, of_host("second", os.getpid(), run), duration=120).acquire(Deadline(0), silent)


def test_hosts_of_two_plays_wait_for_each_other() -> None:
    server, run = Server(), os.getppid()
    of(server, of_host("first", os.getpid(), run), duration=120).acquire(Deadline(1), silent)
    with pytest.raises(lock.LeaseHeldError):
        of(server, of_host("second", run, os.getpid()), duration=120).acquire(Deadline(0), silent)


def test_the_same_host_of_one_play_may_come_again() -> None:
    """A retry of the task runs in another worker; the first one has ended."""
    server, run = Server(), os.getppid()
    first = of_host("m", os.getpid(), run)
    of(server, first, duration=120).acquire(Deadline(1), silent)
    assert of(server, first, duration=120).acquire(Deadline(0), silent) == ""


def test_what_was_verified_last_is_read_and_is_empty_where_nothing_is_noted() -> None:
    server = Server()
    assert of(server).verified() == {}
    held = of(server)
    held.acquire(Deadline(1), silent)
    assert held.verified() == {}
    held.renew({lease.VERIFIED: json.dumps({"bundle": "b"})})
    assert held.verified() == {"bundle": "b"}
    assert of(server).verified() == {"bundle": "b"}


@pytest.mark.parametrize("note", ["no json", "[]", "null", "1", '"text"'])
def test_a_note_that_cannot_be_read_is_no_note(note: str) -> None:
    server = Server()
    of(server).acquire(Deadline(1), silent)
    of(server).renew({lease.VERIFIED: note})
    assert lease.verified(server.stored) == {}
