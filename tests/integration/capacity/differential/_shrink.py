"""Makes a disagreeing case as small as it can be."""

from __future__ import annotations

import collections.abc as c
import copy
import dataclasses

from ._compare import Bench
from ._generate import Case, Json


def smallest(bench: Bench, case: Case) -> Case:
    """Takes away one thing after another as long as the disagreement stays."""
    current = case
    shrunk = True
    while shrunk:
        shrunk = False
        for candidate in _smaller(current):
            if not bench.outcome(candidate).agrees:
                current, shrunk = candidate, True
                break
    return current


def _smaller(case: Case) -> c.Iterator[Case]:
    for index in range(len(case.pods)):
        yield dataclasses.replace(case, pods=[*case.pods[:index], *case.pods[index + 1 :]])
    for index in range(len(case.around)):
        yield dataclasses.replace(case, around=[*case.around[:index], *case.around[index + 1 :]])
    if case.promised:
        yield dataclasses.replace(case, promised=None)
    for node in case.nodes:
        name = node["metadata"]["name"]
        if len(case.nodes) > 1:
            nodes = [each for each in case.nodes if each is not node]
            yield dataclasses.replace(case, nodes=nodes, pods=[pod for pod in case.pods if pod["spec"]["nodeName"] != name])
    if case.replicas > 1:
        yield dataclasses.replace(case, replicas=case.replicas - 1)
    for template in _without_a_field(case.template):
        yield dataclasses.replace(case, template=template)


def _without_a_field(template: Json) -> c.Iterator[Json]:
    for key in template["spec"]:
        if key != "containers":
            smaller = copy.deepcopy(template)
            del smaller["spec"][key]
            yield smaller
