"""One run at a time on a release, and never two owners."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._actor import actor
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._spec import Context
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _claims
from ansible_collections.inference.vllm.plugins.module_utils.lock import _holder as holder
from ansible_collections.inference.vllm.plugins.module_utils.lock import _lease as lease
from ansible_collections.inference.vllm.plugins.module_utils.lock import _lock as client

from tests.unit.lock._server import Server

ALICE = lease.Owner("alice", "ctl-1", 100, "boot-a", "5", reason="deploy of x")
BOB = lease.Owner("bob", "ctl-2", 100, "boot-b", "5", job="42")


def held(owner: lease.Owner, duration: int = 120) -> lease.Json:
    written = lease.body("m", "ns", owner, now="t0", duration=duration)
    written["metadata"]["resourceVersion"] = "7"
    return written


def test_a_lease_that_does_not_exist_is_created() -> None:
    assert lease.decide(None, ALICE, unchanged_seconds=0, owner_gone=False).step == "create"


def test_our_own_lease_is_renewed() -> None:
    assert lease.decide(held(ALICE), ALICE, unchanged_seconds=0, owner_gone=False).step == "renew"


def test_a_lease_that_was_given_back_is_taken_at_once() -> None:
    assert lease.decide(lease.released(held(BOB)), ALICE, unchanged_seconds=0, owner_gone=False).step == "replace"


@pytest.mark.parametrize(("seconds", "step"), [(0, "wait"), (119.9, "wait"), (120, "replace")])
def test_anothers_lease_is_waited_for_until_it_stood_unchanged_for_its_duration(seconds: float, step: str) -> None:
    decision = lease.decide(held(BOB), ALICE, unchanged_seconds=seconds, owner_gone=False)
    assert decision.step == step
    assert "AWX job 42 (bob)" in decision.why


def test_an_owner_that_is_known_dead_is_replaced_at_once() -> None:
    assert lease.decide(held(BOB), ALICE, unchanged_seconds=0, owner_gone=True).step == "replace"


def test_taking_over_counts_a_transition_and_keeps_the_version_for_compare_and_set() -> None:
    taken = lease.body("m", "ns", ALICE, now="t1", duration=60, held=held(BOB))
    assert taken["spec"]["leaseTransitions"] == 1
    assert taken["spec"]["acquireTime"] == "t1"
    assert taken["metadata"]["resourceVersion"] == "7"


def test_renewing_keeps_when_it_was_acquired() -> None:
    renewed = lease.body("m", "ns", ALICE, now="t1", duration=60, held=held(ALICE))
    assert (renewed["spec"]["acquireTime"], renewed["spec"]["renewTime"], renewed["spec"]["leaseTransitions"]) == ("t0", "t1", 0)


def test_renewing_without_a_reason_keeps_the_one_that_was_given() -> None:
    silent = lease.Owner(ALICE.user, ALICE.host, ALICE.pid, ALICE.boot, ALICE.start)
    assert lease.held_by(lease.body("m", "ns", silent, now="t1", duration=60, held=held(ALICE))) == ALICE.words()


def test_every_lock_carries_the_label_by_which_claims_find_it() -> None:
    assert held(ALICE)["metadata"]["labels"] == _claims.LABELS


@pytest.mark.parametrize("annotations", [{}, {lease.OWNER: "no json"}, {lease.OWNER: "[]"}, {lease.OWNER: '{"user": "x"}'}])
def test_a_lease_that_is_not_ours_is_named_by_its_identity(annotations: dict[str, str]) -> None:
    strange = held(BOB)
    strange["metadata"]["annotations"] = annotations
    assert lease.owner_of(strange) is None
    assert lease.held_by(strange) == BOB.identity


def test_a_living_process_is_not_gone_and_an_ended_one_is() -> None:
    child = subprocess.Popen(["sleep", "30"])
    owner = holder.me(Context(pid=child.pid), "")
    assert not holder.gone(owner)
    child.kill()
    child.wait()
    assert holder.gone(owner)


def test_an_owner_on_another_machine_is_never_taken_for_gone() -> None:
    assert not holder.gone(lease.Owner("u", "h", 999999, "another-boot/pid:[1]", "1"))
    assert not holder.gone(None)


def test_awx_names_its_job_and_user() -> None:
    owner = holder.me(Context(actor=actor({"awx_job_id": 14, "awx_user_name": "carol"}), pid=os.getpid()), "deploy")
    assert owner.words() == "AWX job 14 (carol), deploy"


def locked(server: Server, owner: lease.Owner, duration: int = 120) -> client.Lock:
    return client.Lock(t.cast(t.Any, server), "ns", "m", owner, duration=duration)


def test_who_finds_it_held_fails_at_its_deadline_and_names_the_owner() -> None:
    server, told = Server(), []
    locked(server, BOB).acquire(Deadline(1), told.append)
    with pytest.raises(client.LeaseHeldError, match=r"AWX job 42 \(bob\)") as held_by_bob:
        locked(server, ALICE).acquire(Deadline(0), told.append)
    assert held_by_bob.value.code == "lock_held"


def test_a_stale_lease_is_taken_over_by_the_waiters_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LOOK_SECONDS", 0.05)
    server, told = Server(), []
    locked(server, BOB, duration=1).acquire(Deadline(1), told.append)
    start = time.monotonic()
    why = locked(server, ALICE).acquire(Deadline(10), told.append)
    assert time.monotonic() - start >= 1
    assert "not renewed for 1 s" in why
    assert len(told) == 1
    with pytest.raises(client.LeaseLostError, match="alice on ctl-1"):
        locked(server, BOB).renew()


def test_a_lease_that_is_renewed_is_never_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LOOK_SECONDS", 0.05)
    server, stop = Server(), threading.Event()
    bob = locked(server, BOB, duration=1)
    bob.acquire(Deadline(1), lambda _text: None)

    def renew() -> None:
        while not stop.wait(0.2):
            bob.renew()

    thread = threading.Thread(target=renew)
    thread.start()
    with pytest.raises(client.LeaseHeldError):
        locked(server, ALICE).acquire(Deadline(2.5), lambda _text: None)
    stop.set()
    thread.join()


def test_of_many_who_come_at_once_exactly_one_gets_it() -> None:
    server, winners = Server(), []
    owners = [lease.Owner(f"u{number}", "h", number) for number in range(8)]
    start = threading.Barrier(len(owners))

    def race(owner: lease.Owner) -> None:
        start.wait()
        try:
            locked(server, owner).acquire(Deadline(0), lambda _text: None)
        except client.LeaseHeldError:
            return
        winners.append(owner)

    threads = [threading.Thread(target=race, args=(owner,)) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 1


def test_giving_back_what_is_anothers_does_nothing() -> None:
    server = Server()
    locked(server, BOB).acquire(Deadline(1), lambda _text: None)
    assert not locked(server, ALICE).release()
    assert locked(server, BOB).release()
    assert not locked(server, BOB).release()
