"""Plan and evidence go through other people's playbooks as documents: they come back whole, or are refused by the path of what is wrong."""

from __future__ import annotations

import copy
import dataclasses
import json
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from ansible_collections.inference.vllm.plugins.module_utils.bundle import _bundle
from ansible_collections.inference.vllm.plugins.module_utils.change import _evidence, _outcome, _plan
from ansible_collections.inference.vllm.plugins.module_utils.change._where import Where
from hypothesis import given
from hypothesis import strategies as st

Json = dict[str, t.Any]
Path = tuple[str | int, ...]

CHART = _bundle.Chart("vllm-deployment", "0.1.0", "sha256:c", {"replicas": 1})
VALUES: Json = {"image": {"repository": "r", "tag": "t"}, "model": {"source": "s"}}
PLAN = _plan.Plan(
    where=Where("m", "staging", "ns", "m-staging", "m-staging.ns.svc.cluster.local:8000", "chat"),
    bundle=_bundle.make(CHART, VALUES),
    revision="r1",
    action="upgrade",
    code="changed",
    reason="change Deployment m-staging",
    changes=(_plan.Change("change", "Deployment", "m-staging", live=True, fields=("spec.replicas 1 -> 2",)),),
    replaces_pods=True,
    values=VALUES,
    chart_ref="/chart",
    workload=_plan.Workload(2, 1, 4, {"spec": {}}, {"app": "m"}, {"type": "Recreate"}, 600),
    release_revision=3,
    newest_revision=5,
    forget=(4, 5),
    diff={"before": "a", "after": "b"},
)
SUBJECT = _evidence.Subject("m", "ns", "m-staging", PLAN.bundle.digest, "abc")
EVIDENCE = _evidence.Evidence(SUBJECT, "probe", "pass", "verified", "it generates", ({"name": "p95", "verdict": "pass"},), "2026-01-01")

texts = st.text(max_size=12)
json_maps = st.dictionaries(texts, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts | st.lists(texts, max_size=2), max_size=3)
counts = st.integers(0, 1000)
changes = st.builds(_plan.Change, st.sampled_from(_plan.CHANGES), texts, texts, st.booleans(), st.lists(texts, max_size=3).map(tuple))
workloads = st.builds(_plan.Workload, st.none() | counts, st.none() | counts, counts, json_maps, json_maps, json_maps, counts)
plans = st.builds(
    _plan.Plan,
    where=st.builds(Where, *[texts] * 6),
    bundle=json_maps.map(lambda engine: _bundle.make(CHART, {**VALUES, "engine": engine})),
    revision=texts,
    action=st.sampled_from(_plan.ACTIONS),
    code=texts,
    reason=texts,
    changes=st.lists(changes, max_size=3).map(tuple),
    replaces_pods=st.booleans(),
    values=json_maps,
    chart_ref=texts,
    workload=workloads,
    release_revision=counts,
    newest_revision=counts,
    forget=st.lists(counts, max_size=3).map(tuple),
    diff=st.dictionaries(texts, texts, max_size=2),
)
evidences = st.builds(
    _evidence.Evidence,
    subject=st.builds(_evidence.Subject, *[texts] * 5),
    source=st.sampled_from(_evidence.SOURCES),
    verdict=st.sampled_from(_evidence.VERDICTS),
    code=texts,
    message=texts,
    verdicts=st.lists(json_maps, max_size=2).map(tuple),
    taken_at=texts,
)


@given(plans)
def test_a_plan_is_read_back_from_its_document(plan: _plan.Plan) -> None:
    assert _plan.read(json.loads(json.dumps(plan.document()))) == plan


@given(evidences)
def test_evidence_is_read_back_from_its_document(evidence: _evidence.Evidence) -> None:
    assert _evidence.read(json.loads(json.dumps(evidence.document()))) == evidence


#: What the documents say of anything: whatever is in them is the user's.
FREE = {"bundle_content", "release_values", "plan_diff", "pod_template", "selector", "strategy"}


def paths(value: t.Any, path: Path = ()) -> t.Iterator[Path]:
    """Every key of ours, in every depth; the first item of a list stands for all."""
    pairs: t.Iterable[tuple[str | int, t.Any]] = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, inner in pairs:
        if isinstance(key, str):
            yield (*path, key)
        if key not in FREE:
            yield from paths(inner, (*path, key))


def holder(document: Json, path: Path) -> t.Any:
    found: t.Any = document
    for key in path[:-1]:
        found = found[key]
    return found


Reading = tuple[t.Callable[[t.Any], t.Any], Json]
PLAN_READING: Reading = (_plan.read, PLAN.document())
EVIDENCE_READING: Reading = (_evidence.read, EVIDENCE.document())
# The verdicts' entries are the modules' own.
CASES = [
    *((PLAN_READING, path) for path in paths(PLAN_READING[1])),
    *((EVIDENCE_READING, path) for path in paths(EVIDENCE_READING[1]) if path[0] != "verdicts" or len(path) == 1),
]


@pytest.mark.parametrize(("reading", "path"), CASES, ids=lambda value: ".".join(map(str, value)) if isinstance(value[-1], str) else "")
def test_a_missing_key_is_refused_by_its_name(reading: Reading, path: Path) -> None:
    read, document = reading[0], copy.deepcopy(reading[1])
    del holder(document, path)[path[-1]]
    with pytest.raises(InputError, match=str(path[-1])) as refused:
        read(document)
    assert refused.value.code == "invalid_input"


@pytest.mark.parametrize("wrong", [None, "text", 1, 1.5, True, [], [1], ["a"], [None], {}, {"a": 1}], ids=repr)
@pytest.mark.parametrize(("reading", "path"), CASES, ids=lambda value: ".".join(map(str, value)) if isinstance(value[-1], str) else "")
def test_a_key_of_another_type_is_refused_by_its_name_and_never_a_traceback(reading: Reading, path: Path, wrong: t.Any) -> None:
    read, document = reading[0], copy.deepcopy(reading[1])
    before = holder(document, path)[path[-1]]
    holder(document, path)[path[-1]] = wrong
    again, said = None, ""
    try:
        again = read(document)
    except InputError as error:
        said = str(error)
    if again is None:
        assert str(path[-1]) in said or path[-1] == "bundle_content"
        return
    assert type(wrong) is type(before) or wrong is None, f"{path} took {wrong!r} where it had {before!r}"
    assert again.document() == document


@pytest.mark.parametrize("document", [None, "text", 1, [], [{}]])
@pytest.mark.parametrize("read", [_plan.read, _evidence.read])
def test_what_is_no_dictionary_at_all_is_refused(read: t.Callable[[t.Any], t.Any], document: t.Any) -> None:
    with pytest.raises(InputError):
        read(document)


@pytest.mark.parametrize(
    ("read", "document", "path", "value"),
    [
        (_plan.read, PLAN.document(), ("change",), "delete"),
        (_plan.read, PLAN.document(), ("schema",), _plan.SCHEMA + 1),
        (_plan.read, PLAN.document(), ("changes", 0, "action"), "rename"),
        (_evidence.read, EVIDENCE.document(), ("verdict",), "maybe"),
        (_evidence.read, EVIDENCE.document(), ("source",), "hearsay"),
    ],
)
def test_a_word_that_is_none_of_the_known_ones_is_refused(read: t.Callable[[t.Any], t.Any], document: Json, path: Path, value: t.Any) -> None:
    document = copy.deepcopy(document)
    holder(document, path)[path[-1]] = value
    with pytest.raises(InputError, match=str(path[-1])):
        read(document)


def test_a_plan_whose_bundle_was_edited_is_refused() -> None:
    document = PLAN.document()
    edited = {**document, "bundle_content": {**document["bundle_content"], "model": {"source": "another"}}}
    with pytest.raises(InputError) as refused:
        _plan.read(edited)
    assert refused.value.code == "bundle_mismatch"


@pytest.mark.parametrize("field", ["model", "namespace", "release", "bundle"])
def test_evidence_about_something_else_is_no_evidence_for_the_plan(field: str) -> None:
    assert _evidence.mismatch(EVIDENCE, PLAN) == ""
    other = dataclasses.replace(EVIDENCE, subject=dataclasses.replace(SUBJECT, **{field: "another"}))
    assert _evidence.mismatch(other, PLAN).startswith(f"{field} another")


@given(evidences)
def test_evidence_is_about_the_plan_only_when_all_four_agree(evidence: _evidence.Evidence) -> None:
    subject = evidence.subject
    same = (subject.model, subject.namespace, subject.release, subject.bundle) == ("m", "ns", "m-staging", PLAN.bundle.digest)
    assert (_evidence.mismatch(evidence, PLAN) == "") == same


@pytest.mark.parametrize(("replicas", "live", "wanted"), [(0, 3, 0), (2, None, 2), (None, None, 1), (None, 0, 1), (None, 4, 4)])
def test_with_an_autoscaler_as_many_pods_are_wanted_as_there_are_and_one_at_least(replicas: int | None, live: int | None, wanted: int) -> None:
    assert dataclasses.replace(PLAN.workload, replicas=replicas, live_replicas=live).wanted == wanted


def test_the_content_of_a_plan_is_that_of_all_that_goes_to_helm() -> None:
    assert PLAN.content == _bundle.digest(VALUES)
    assert dataclasses.replace(PLAN, values={**VALUES, "replicas": 2}).content != PLAN.content


def test_an_outcome_says_where_what_and_how_it_ended() -> None:
    serving = _outcome.Serving("r0", "sha256:b", 4, 1, 2, "pass")
    document = _outcome.Outcome(
        "rolled_back", "image_pull", "it was so", PLAN, EVIDENCE, 4, (7,), {"rollout": 1.23456}, serving, "ready", {"e2e": {"p95": 0.2}}, "correct it"
    ).document()
    assert json.loads(json.dumps(document)) == document
    assert {name: document[name] for name in PLAN.where.document()} == PLAN.where.document()
    assert (document["result"], document["code"], document["verdict"], document["gpus"]) == ("rolled_back", "image_pull", "pass", 8)
    assert (document["seconds"], document["event_ids"]) == ({"rollout": 1.235}, [7])
    assert document["serving"]["ready"] == 1


def test_an_outcome_without_pods_takes_no_gpus() -> None:
    none = dataclasses.replace(PLAN, workload=dataclasses.replace(PLAN.workload, replicas=0))
    assert _outcome.Outcome("changed", "scaled_to_zero", "", none).document()["gpus"] == 0


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive", ""])
def test_what_serves_is_said_without_more_than_was_seen(verdict: t.Any) -> None:
    said = _outcome.Serving("r0", "sha256:b", 4, 1, 2, verdict).words()
    assert "1 of 2" in said
    assert ("generates" in said or "generate" in said) == bool(verdict)
    assert _outcome.Serving().words() == "nothing is deployed"
    assert _outcome.Serving(verdict="inconclusive").words() != _outcome.Serving().words(), "what could not be read is not absent"
