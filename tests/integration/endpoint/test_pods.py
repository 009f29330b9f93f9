"""Pods of the lab through the API server, as the operator that the documents describe."""

from __future__ import annotations

import concurrent.futures
import json
import typing as t
import urllib.parse

from tests import ansible
from tests.integration.endpoint.conftest import KEY, Platform, verdicts
from tests.integration.endpoint.relay import relay

FIRST, SECOND = "sha256:" + "1" * 64, "sha256:" + "2" * 64
GATES = {"p95_e2e_seconds": {"max": 3, "min_samples": 5}}


def test_each_pod_is_checked_alone_and_the_load_is_spread_over_all(platform: Platform) -> None:
    platform.deploy("model", replicas=2)
    result = platform.verified(deployment="model", pods="new", key_required=True, gates=GATES)
    assert result["verdict"] == "pass", result["message"]
    assert result["pods"] == platform.pods("model")
    assert result["where"] == f"2 new pods of {platform.namespace}/model"
    assert result["code"] == "verified"
    chats = [check["pod"] for check in result["checks"] if check["name"] == "chat"]
    assert chats == platform.pods("model")
    assert KEY not in json.dumps(result)


def test_one_bad_pod_behind_a_service_is_found_and_named(platform: Platform) -> None:
    platform.deploy("good", app="model", replicas=2)
    platform.deploy("bad", app="model", LAB_ENGINE_ERROR_RATE="1")
    result = platform.verified(service="model", gates=GATES)
    assert result["verdict"] == "fail"
    (bad,) = platform.pods("bad")
    assert {check["pod"] for check in result["checks"] if check["verdict"] == "fail"} == {bad}
    assert bad in result["message"]


def test_only_pods_of_the_newest_replica_set_count_as_new(platform: Platform) -> None:
    platform.deploy("model")
    (old,) = platform.pods("model")
    platform.deploy("model", wait=False, LAB_ENGINE_START_FAULT="never_ready")
    for _ in range(100):
        if len(platform.pods("model")) == 2:
            break
    served, new = platform.verified(deployment="model"), platform.verified(deployment="model", pods="new")
    assert (served["verdict"], served["pods"]) == ("pass", [old])
    assert (new["verdict"], new["pods"]) == ("inconclusive", [])
    assert new["code"] == "no_pods"


def test_a_broken_pod_fails_while_its_health_is_fine(platform: Platform) -> None:
    platform.deploy("model", LAB_ENGINE_BROKEN_AFTER="0")
    result = platform.verified(deployment="model", pods="new")
    assert (verdicts(result)["health"], verdicts(result)["chat"]) == ("pass", "fail")
    assert result["code"] == "http_status"


def test_who_may_not_forward_ports_learns_the_missing_permission_and_nothing_about_the_model(platform: Platform) -> None:
    platform.deploy("model")
    result = platform.verified("viewer", deployment="model")
    assert (result["verdict"], result["code"]) == ("inconclusive", "forbidden")
    assert "create on pods/portforward" in result["message"]


def test_what_does_not_exist_is_inconclusive_and_named(platform: Platform) -> None:
    for options in ({"deployment": "nothing"}, {"service": "nothing"}, {"pod": "nothing"}):
        result = platform.verified(**options)
        assert (result["verdict"], result["code"]) == ("inconclusive", "not_found")
        assert "nothing" in result["message"]


def removed_meanwhile(platform: Platform, **options: t.Any) -> dict[str, t.Any]:
    """A verification of about six seconds, whose pod is deleted after two."""
    (pod,) = platform.pods("model")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(platform.verified, checks=["latency"], samples=60, warmup=0, **options)
        concurrent.futures.wait([running], timeout=2)
        platform.delete_pod(pod)
        return running.result(timeout=90)


def test_pods_that_are_replaced_in_the_middle_start_the_sample_again(platform: Platform) -> None:
    platform.deploy("model", LAB_ENGINE_TTFT_MS="100")
    (before,) = platform.pods("model")
    result = removed_meanwhile(platform, deployment="model", pods="new", timeout=60.0)
    assert result["verdict"] == "pass", result["message"]
    assert result["restarts"] == 1
    assert len(result["pods"]) == 1
    assert result["pods"] != [before]
    assert result["latency"]["requests"] == 60


def test_a_result_is_evidence_of_the_bundle_and_the_template_of_the_pods_that_were_verified(platform: Platform) -> None:
    platform.deploy("model", bundle=FIRST)
    by_deployment, by_service = (platform.verified(checks=["health"], **{kind: "model"})["subject"] for kind in ("deployment", "service"))
    proxied = platform.verified(via="service_proxy", service="model", checks=["health"])["subject"]
    expected = {"model": "llama-3-8b", "namespace": platform.namespace, "release": "model", "bundle": FIRST, "pods": platform.pods("model")}
    assert by_deployment == by_service == proxied == {**expected, "template_hash": platform.template_hash("model")}
    platform.deploy("model", wait=False, bundle=SECOND, LAB_ENGINE_START_FAULT="never_ready")
    for _ in range(100):
        if len(platform.pods("model")) == 2:
            break
    served = platform.verified(deployment="model", checks=["health"])["subject"]
    assert served == by_deployment, "the old pod serves, and is no evidence of the new bundle"


def test_a_newer_replica_set_during_the_verification_makes_it_inconclusive_and_never_a_pass(platform: Platform) -> None:
    platform.deploy("model", LAB_ENGINE_TTFT_MS="100")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(platform.verified, deployment="model", pods="new", checks=["latency"], samples=60, warmup=0)
        concurrent.futures.wait([running], timeout=2)
        platform.deploy("model", wait=False, LAB_ENGINE_TTFT_MS="50")
        result = running.result(timeout=90)
    assert (result["verdict"], result["code"], result["restarts"]) == ("inconclusive", "pods_replaced", 0)


def test_forwarded_connections_that_break_are_made_again_and_no_request_fails_for_it(platform: Platform) -> None:
    platform.deploy("model", LAB_ENGINE_TTFT_MS="50")
    server = urllib.parse.urlsplit(platform.server())
    with relay(server.port or 443) as between, concurrent.futures.ThreadPoolExecutor(1) as pool:
        host = f"{server.scheme}://{server.hostname}:{between.port}"
        given = {"deployment": "model", "checks": ["latency"], "samples": 40, "concurrency": 4, "warmup": 0, "host": host, "gates": {"error_rate": 0}}
        running = pool.submit(platform.verified, **given)
        cuts = []
        while len(cuts) < 3 and not running.done():
            concurrent.futures.wait([running], timeout=0.3)
            cuts.append(between.cut())
        result = running.result(timeout=90)
    assert sum(cuts) >= 4
    assert result["verdict"] == "pass", result["message"]
    assert (result["latency"]["requests"], result["latency"]["failed"], result["restarts"]) == (40, 0, 0)


def test_a_pod_that_has_no_successor_is_a_failure_or_unknown_and_never_hangs(platform: Platform) -> None:
    # A quarter of a minute of samples: a busy machine takes its time to end the pod.
    platform.deploy("model", LAB_ENGINE_TTFT_MS="250")
    (pod,) = platform.pods("model")
    result = removed_meanwhile(platform, pod=pod, timeout=20.0)
    assert result["verdict"] in ("fail", "inconclusive")
    assert result["restarts"] == 0
    assert result["duration"] < 21


def test_replicas_that_run_one_configuration_are_told_from_those_that_do_not(platform: Platform) -> None:
    platform.deploy("model", replicas=2)
    same = platform.verified(service="model", checks=["health", "replicas", "chat", "metrics"])
    assert same["verdict"] == "pass", same["message"]
    platform.deploy("other", app="model", arguments=("--max-model-len", "4096"))
    result = platform.verified(service="model", checks=["health", "replicas"])
    (odd,) = platform.pods("other")
    assert result["verdict"] == "fail"
    assert result["code"] == "replicas_differ"
    assert odd in result["message"]


def test_auto_takes_the_first_transport_that_opens_and_reports_which(platform: Platform) -> None:
    platform.deploy("model")
    assert platform.verified(via="auto", deployment="model")["via"] == "port_forward"
    nowhere = platform.verified("viewer", via="auto", deployment="model", service="model")
    assert nowhere["via"] != "port_forward"


def test_the_module_in_a_play_tells_no_secret_even_at_the_highest_verbosity(platform: Platform) -> None:
    platform.deploy("model")
    options = {"via": "port_forward", "namespace": platform.namespace, "deployment": "model", "pods": "new", "model": "llama-3-8b", "gates": GATES}
    environ = {**platform.lab.environ(), "ANSIBLE_DEPRECATION_WARNINGS": "0", "VLLM_API_KEY": KEY}
    done = ansible.module("vllm_endpoint_verify", options, "-vvvv", env=environ)
    assert done.code == 0, done.text
    assert '"changed": false' in done.stdout or "changed: false" in done.stdout
    assert KEY not in done.text
