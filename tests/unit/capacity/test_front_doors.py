"""The module and its action plugin take and refuse the same options, and give the same results."""

from __future__ import annotations

import json
import types
import typing as t
import unittest.mock

import pytest
from ansible.errors import AnsibleError
from ansible.module_utils.testing import patch_module_args
from ansible_collections.inference.vllm.plugins.action import vllm_gpu_capacity as action
from ansible_collections.inference.vllm.plugins.modules import vllm_gpu_capacity as module

from .api import cluster
from .build import GPU, Json, template

POD = template()


def by_module(options: Json, capsys: pytest.CaptureFixture[str]) -> Json:
    with patch_module_args(options), pytest.raises(SystemExit):
        module.main()
    return t.cast(Json, json.loads(capsys.readouterr().out))


def by_action(options: Json, _capsys: pytest.CaptureFixture[str]) -> Json:
    task = unittest.mock.MagicMock(args=dict(options), async_val=0, check_mode=False, diff=False)
    connection = types.SimpleNamespace(transport="local", _shell=types.SimpleNamespace(tmpdir="/nowhere"))
    plugin = action.ActionModule(task, connection, unittest.mock.MagicMock(check_mode=False), None, None, None)
    try:
        return plugin.run(task_vars={})
    except AnsibleError as error:
        return {"failed": True, "msg": str(error)}


DOORS = [by_module, by_action]
Door = t.Callable[[Json, pytest.CaptureFixture[str]], Json]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"pod_template": POD, "resources": {GPU: 1}}, "mutually exclusive"),
        ({"fail_on": ["no_room"]}, "fail_on"),
        ({"replaces": {"strategy": "Blue"}}, "strategy"),
        ({"reserved": [{"pod_template": POD}]}, "release"),
        ({"reserved": [{"release": "a"}]}, "pod_template"),
        ({"room": 1}, "room"),
    ],
)
def test_both_doors_refuse_the_same_options(door: Door, options: Json, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = door(options, capsys)
    assert (found["failed"], named in found["msg"]) == (True, True)


@pytest.mark.parametrize("door", DOORS)
def test_both_doors_give_the_same_verdict_and_the_same_failure(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    with cluster(1) as api:
        asked = {"host": api.url, "api_key": "x", "namespace": "development", "pod_template": template({GPU: 4})}
        found = door(asked, capsys)
        assert (found["verdict"], found["code"], found.get("failed", False), found["changed"]) == ("pass", "", False, False)
        found = door({**asked, "replicas": 2}, capsys)
        assert (found["verdict"], found.get("failed", False)) == ("fail", False)
        found = door({**asked, "replicas": 2, "fail_on": ["fail"]}, capsys)
        assert (found["verdict"], found["code"], found["failed"]) == ("fail", "no_capacity", True)
        assert found["msg"] == found["message"]


@pytest.mark.parametrize("door", DOORS)
def test_both_doors_give_an_error_its_code(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    with cluster(1) as api:
        found = door({"host": api.url, "api_key": "x", "pod_template": template({GPU: "many"})}, capsys)
        assert (found["failed"], found["code"]) == (True, "invalid_input")
