"""Reconciliation of a model that really runs: each difference is made as accidents make it, reported, and fixed by its rule."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t

import psycopg
from ansible_collections.inference.vllm.plugins.module_utils._actor import Actor
from ansible_collections.inference.vllm.plugins.module_utils._spec import Context
from ansible_collections.inference.vllm.plugins.module_utils.registry import _database, _probe, _reconcile

from tests.e2e.conftest import Site, environment

FIX = ("-e", "reconcile_fix=true")


def database(site: Site, statement: str, *values: t.Any) -> None:
    """What somebody does by hand, as the operator's database user."""
    with psycopg.connect(**site.lab.database("operator"), autocommit=True) as connection:
        connection.execute(statement.encode(), values)


def reconciled(site: Site, model: str, *, fix: bool, check_mode: bool = False, **more: t.Any) -> list[tuple[str, str]]:
    """Kind and outcome of each difference, by what the module calls, without the seconds that a play takes."""
    options = site.lab.database("operator")
    target = _database.database(
        {
            "login_host": options["host"],
            "login_port": options["port"],
            "login_user": options["user"],
            "login_password": options["password"],
            "login_db": options["dbname"],
            "ssl_mode": "disable",
        },
        {},
    )
    known = {name: option.get("default") for name, option in {**_probe.probe_options(), **_reconcile.reconcile_options()}.items()}
    given = {"environment": "development", "namespaces": [site.namespace], "model": [model], "fix": fix, "kubeconfig": str(site.lab.kubeconfig())}
    given |= {"endpoint_api_key": site.lab.env()["VLLM_API_KEY"], "actor": "tester", **more}
    found = _reconcile.reconcile(target, {**known, **given}, Context(check_mode=check_mode, actor=Actor("tester"), pid=os.getpid()))
    return [(one.difference.kind, one.outcome) for one in found]


def reported_then_fixed(site: Site, model: str, kind: str, after: list[tuple[str, str]]) -> None:
    assert reconciled(site, model, fix=False) == [(kind, "remaining")]
    assert reconciled(site, model, fix=True) == [(kind, "fixed")]
    assert reconciled(site, model, fix=True) == after


def helm(site: Site, *words: str) -> None:
    command = [str(site.lab.bin / "helm3"), *words, "-n", site.namespace]
    subprocess.run(command, env=environment(site.lab), check=True, capture_output=True, timeout=60)


def test_each_difference_is_shown_by_the_exit_code_and_fixed_by_its_rule(site: Site) -> None:
    model = site.model("drift")
    release, where = f"{model}-development", ("-e", json.dumps({"reconcile_models": [f"drift-{site.namespace}"], "reconcile_pause": 0.2}))
    assert site.play().code == 0
    agrees = site.play(*where, playbook="playbooks/reconcile.yml")
    assert agrees.code == 0, agrees.tail
    assert "the registry, the releases and the endpoints agree" in agrees.words

    # The row is lost: a pending one takes its place, and only a verification makes it routable.
    database(site, "DELETE FROM model_registry_entries WHERE model_name = %s", model)
    shown = site.play(*where, playbook="playbooks/reconcile.yml")
    assert shown.code == 2, shown.tail
    assert f"remaining: unregistered {model}" in shown.words
    assert f"1 difference (unregistered {model}), 0 fixed, 1 remaining" in shown.failure("localhost")
    assert "which answers and has no row: run the playbook register" in shown.words
    assert site.rows(model) == []
    assert (reconciled(site, model, fix=True, check_mode=True), site.rows(model)) == ([("unregistered", "fixed")], [])
    fixed = site.play(*where, *FIX, playbook="playbooks/reconcile.yml")
    assert (fixed.code, fixed.counts["localhost"]["changed"]) == (2, 1), fixed.tail
    assert [row["deployment_status"] for row in site.rows(model)] == ["pending"]
    assert reconciled(site, model, fix=True) == []
    assert site.play(playbook="register.yml").code == 0
    right = site.ready(model)["deployment_endpoint"]

    # Someone edits the endpoint.
    database(site, "UPDATE model_registry_entries SET deployment_endpoint = 'wrong:8000' WHERE model_name = %s", model)
    reported_then_fixed(site, model, "wrong_endpoint", [])
    assert site.ready(model)["deployment_endpoint"] == right

    # A second revision claims the release, and the one that runs becomes superseded by hand.
    database(
        site,
        """INSERT INTO model_registry_entries (deployment_id, model_name, deployment_environment, deployment_revision, deployment_status, deployment_endpoint,
        deployment_weight, deployment_namespace, deployment_release) VALUES (gen_random_uuid(), %s, 'development', 'other', 'ready', 'x:1', 50, %s, %s)""",
        model,
        site.namespace,
        release,
    )
    reported_then_fixed(site, model, "duplicate", [])
    database(site, "UPDATE model_registry_entries SET deployment_status = 'superseded' WHERE model_name = %s", model)
    reported_then_fixed(site, model, "unrouted", [])
    assert site.ready(model)["deployment_endpoint"] == right

    # Somebody changes the live objects, which only a deploy brings back.
    site.lab.kubectl("set", "image", f"deployment/{release}", "vllm=vllm/vllm-openai:by-hand", "-n", site.namespace)
    assert ("drift", "remaining") in reconciled(site, model, fix=True)
    site.lab.kubectl("rollout", "undo", f"deployment/{release}", "-n", site.namespace)
    site.lab.kubectl("rollout", "status", f"deployment/{release}", "-n", site.namespace, "--timeout=120s")
    assert reconciled(site, model, fix=False) == []
    assert reconciled(site, model, fix=False, expected=["another"]) == [("not_in_inventory", "remaining")]

    # Its pods are gone: it is the only one, so it stays, and everybody sees that it is degraded.
    site.lab.kubectl("scale", f"deployment/{release}", "--replicas=0", "-n", site.namespace, "--timeout=60s")
    site.lab.kubectl("wait", "--for=delete", "pod", "-l", f"app.kubernetes.io/instance={release}", "-n", site.namespace, "--timeout=60s")
    assert reconciled(site, model, fix=False) == [("dead", "remaining"), ("drift", "remaining")]
    assert reconciled(site, model, fix=True) == [("dead", "fixed"), ("drift", "remaining")]
    assert reconciled(site, model, fix=True) == [("dead", "remaining"), ("drift", "remaining")]
    assert [row["deployment_status"] for row in site.rows(model) if row["deployment_revision"] != "other"] == ["degraded"]

    # The release is gone too.
    helm(site, "uninstall", release)
    reported_then_fixed(site, model, "orphan", [])
    row = next(row for row in site.rows(model) if row["deployment_revision"] != "other")
    assert row["deployment_status"] == "failed"
    assert "Helm has no deployed release" in row["deployment_reason"]
