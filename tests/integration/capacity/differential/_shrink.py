"""Makes a disagreeing case as small as it can be."""

from __future__ import annotations

import collections.abc as c
import copy

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
        yield Case(case.number, case.nodes, [*case.pods[:index], *case.pods[index + 1 :]], case.template, case.replicas)
    for node in case.nodes:
        name = node["metadata"]["name"]
        if len(case.nodes) > 1:
            nodes = [each for each in case.nodes if each is not node]
            yield Case(case.number, nodes, [pod for pod in case.pods if pod["spec"]["nodeName"] != name], case.template, case.replicas)
    if case.replicas > 1:
        yield Case(case.number, case.nodes, case.pods, case.template, case.replicas - 1)
    for template in _without_a_field(case.template):
        yield Case(case.number, case.nodes, case.pods, template, case.replicas)


def _without_a_field(template: Json) -> c.Iterator[Json]:
    for key in template["spec"]:
        if key != "containers":
            smaller = copy.deepcopy(template)
            del smaller["spec"][key]
            yield smaller
