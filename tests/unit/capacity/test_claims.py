"""What other runs claim is counted once and by everybody behind them in line, whatever the order of publishing and asking."""

from __future__ import annotations

import copy
import json
import types
import typing as t

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error, InputError
from ansible_collections.inference.vllm.plugins.module_utils.capacity import _claims, _context, _question, _reader
from ansible_collections.inference.vllm.plugins.module_utils.capacity._answer import answer
from ansible_collections.inference.vllm.plugins.module_utils.capacity._claims import CLAIM, SUFFIX, LockWatch, claim_document, pending_claims
from ansible_collections.inference.vllm.plugins.module_utils.capacity._context import Source
from ansible_collections.inference.vllm.plugins.module_utils.capacity._question import Question, of_release
from ansible_collections.inference.vllm.plugins.module_utils.capacity._reservations import Reservation
from ansible_collections.inference.vllm.plugins.module_utils.capacity._wanted import wanted
from ansible_collections.inference.vllm.plugins.module_utils.cluster._client import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cluster.server import Handler, Server, refuse
from tests.unit.cluster.server import answer as reply

from .api import Api, cluster, look
from .build import GPU, Json, node, pod, snapshot, template

LEASES = "/apis/coordination.k8s.io/v1/leases"


def other(release: str, gpus: int = 1, replicas: int = 1, *, namespace: str = "development", **spec: t.Any) -> Question:
    return of_release(namespace, release, replicas, template({GPU: gpus}, labels={"app.kubernetes.io/instance": release}, **spec), "auto", 1)


def lock(release: str, holder: str = "alice", namespace: str = "development", version: int = 1) -> Json:
    metadata = {"name": f"inference-vllm-{release}", "namespace": namespace, "resourceVersion": str(version), "uid": f"lock-{release}"}
    return {"metadata": {**metadata, "labels": _claims.LABELS}, "spec": {"holderIdentity": holder, "leaseDurationSeconds": 120}}


def claim(question: Question, place: int, holder: str = "alice") -> Json:
    metadata = {"name": f"inference-vllm-{question.release}{SUFFIX}", "namespace": question.namespace, "resourceVersion": str(place)}
    return {
        "metadata": {**metadata, "labels": _claims.LABELS, "annotations": {CLAIM: json.dumps(claim_document(question))}},
        "spec": {"holderIdentity": holder},
    }


def names(leases: list[Json], mine: str = "m", **more: t.Any) -> list[str]:
    return [each.release for each in pending_claims(leases, ("development", mine), **more)]


def test_claims_count_in_the_order_in_which_the_api_server_took_them() -> None:
    leases = [claim(other("a"), 30), lock("a"), claim(other("m"), 20), lock("m"), claim(other("b"), 9), lock("b")]
    assert names(leases) == ["b"]
    assert names(leases, "b") == []
    assert names(leases, "a") == ["b", "m"]


def test_who_has_claimed_nothing_is_behind_everybody() -> None:
    assert names([claim(other("a"), 30), lock("a"), claim(other("b"), 9), lock("b")]) == ["b", "a"]


def test_a_claim_ends_with_the_lock_of_the_run_that_made_it() -> None:
    made = claim(other("a"), 1)
    assert names([made]) == []
    assert names([made, lock("a", "")]) == []
    assert names([made, lock("a", "bob")]) == []
    assert names([made, lock("a", namespace="staging")]) == []
    assert names([made, lock("a")], stale={("development", "inference-vllm-a")}) == []
    assert names([made, lock("a")]) == ["a"]


def test_the_same_release_in_another_namespace_is_another_one() -> None:
    assert names([claim(other("m", namespace="staging"), 1), lock("m", namespace="staging")]) == ["m"]


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"version": 2}', '{"version": 1, "release": "a", "replicas": -1, "template": {}}'])
def test_what_is_no_claim_of_ours_is_left_out(text: str) -> None:
    made = claim(other("a"), 1)
    made["metadata"]["annotations"] = {CLAIM: text}
    assert names([made, lock("a")]) == []


@pytest.mark.parametrize("replicas", [10**9, "3", None])
def test_a_claim_of_a_number_that_cannot_be_meant_is_left_out(replicas: t.Any) -> None:
    made = claim(other("a"), 1)
    made["metadata"]["annotations"] = {CLAIM: json.dumps({**claim_document(other("a")), "replicas": replicas})}
    assert names([made, lock("a")]) == []


def test_a_document_has_what_decides_where_pods_go_and_nothing_else() -> None:
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{}], "requiredDuringSchedulingIgnoredDuringExecution": {"x": 1}}}
    made = other("a", 2, 3, nodeSelector={"node-type": "gpu"}, affinity=affinity, volumes=[{"name": "v"}])
    made = copy.deepcopy(made)
    t.cast(Json, made.template)["spec"]["containers"][0].update(env=[{"name": "SECRET", "value": "x"}], image="vllm", args=["--x"])
    found = claim_document(made)
    assert "SECRET" not in json.dumps(found)
    assert found["template"]["spec"] == {
        "nodeSelector": {"node-type": "gpu"},
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"x": 1}}},
        "containers": [{"name": "vllm", "resources": {"requests": {GPU: 2}}}],
    }
    again = pending_claims([claim(made, 1), lock("a")], ("development", "m"))[0].question
    assert claim_document(again) == found


def test_a_document_that_is_too_large_does_without_its_rules_and_then_is_refused() -> None:
    many = [{"key": "k", "operator": "In", "values": ["x" * 100] * 1000}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": many}]}}}
    found = claim_document(other("a", affinity=affinity, nodeSelector={"a": "b"}))["template"]["spec"]
    assert (found["nodeSelector"], "affinity" in found) == ({"a": "b"}, False)
    with pytest.raises(InputError, match="the claim of a has more than"):
        claim_document(other("a", tolerations=[{"key": "x" * 100}] * 1000))


def test_a_lock_is_stale_when_it_stood_still_for_its_duration_by_our_own_clock() -> None:
    now = [0.0]
    watch = LockWatch(lambda: now[0])
    key = ("development", "inference-vllm-a")
    assert key not in watch.stale([lock("a", version=1)])
    now[0] = 119
    assert key not in watch.stale([lock("a", version=1)])
    now[0] = 121
    assert key in watch.stale([lock("a", version=1)])
    assert key not in watch.stale([lock("a", version=2)])


# --- never two yes ---------------------------------------------------------------------------------------------------------------


def _passes(question: Question, leases: list[Json], gpus: list[int]) -> bool:
    ahead = pending_claims(leases, (question.namespace, question.release))
    made = [Reservation(each.question, wanted(t.cast(Json, each.question.template), each.namespace), 0, each.holder) for each in ahead]
    pod_of = wanted(t.cast(Json, question.template), question.namespace)
    found = answer(pod_of, question.replicas, snapshot([node(f"n{index}", amount) for index, amount in enumerate(gpus)]), None, made)
    return found.verdict == "pass"


ASKED = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=2, max_size=5)
FREE = st.lists(st.integers(0, 6), min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(FREE, ASKED, st.data())
def test_what_is_told_pass_never_exceeds_what_is_free_in_any_order_of_publishing_and_asking(gpus: list[int], asked: list[tuple[int, int]], data: t.Any) -> None:
    questions = [other(f"m{index}", each, replicas) for index, (each, replicas) in enumerate(asked)]
    # Each run publishes and then asks; between the two, and between the steps of the others, anything may happen.
    steps = data.draw(st.permutations([index for index in range(len(questions)) for _step in range(2)]))
    leases = [lock(question.release) for question in questions]
    published: set[int] = set()
    taken = 0
    for place, index in enumerate(steps, start=1):
        question = questions[index]
        if index not in published:
            published.add(index)
            leases.append(claim(question, place))
        elif _passes(question, leases, gpus):
            taken += asked[index][0] * asked[index][1]
    assert taken <= sum(gpus)


@settings(max_examples=100, deadline=None)
@given(FREE, ASKED)
def test_of_those_who_publish_at_once_the_first_is_answered_as_if_it_were_alone(gpus: list[int], asked: list[tuple[int, int]]) -> None:
    questions = [other(f"m{index}", each, replicas) for index, (each, replicas) in enumerate(asked)]
    leases = [entry for place, question in enumerate(questions) for entry in (lock(question.release), claim(question, place + 1))]
    assert _passes(questions[0], leases, gpus) == _passes(questions[0], [], gpus)


# --- publish and withdraw --------------------------------------------------------------------------------------------------------


class Store(Server):
    """Leases of one namespace, with the preconditions of an API server."""

    def __init__(self, *leases: Json) -> None:
        super().__init__([self._serve])
        self.stored = {lease["metadata"]["name"]: lease for lease in leases}
        self.version = 100

    def _serve(self, handler: Handler) -> None:
        name = handler.path.rpartition("/leases")[2].strip("/")
        body = json.loads(self.bodies[-1] or b"{}")
        found = self.stored.get(name)
        if handler.command == "POST":
            return self._create(handler, body)
        if found is None:
            return refuse(404, "NotFound")(handler)
        if handler.command == "DELETE":
            if body["preconditions"]["uid"] != found["metadata"]["uid"]:
                return refuse(409, "Conflict")(handler)
            del self.stored[name]
        return reply(200, found)(handler)

    def _create(self, handler: Handler, body: Json) -> None:
        name = body["metadata"]["name"]
        if name in self.stored:
            return refuse(409, "AlreadyExists")(handler)
        self.version += 1
        body["metadata"] |= {"resourceVersion": str(self.version), "uid": f"u{self.version}"}
        self.stored[name] = body
        return reply(201, body)(handler)


def _client(store: Store) -> Client:
    return Client(store.connection(), Deadline(5))


NAME = "inference-vllm-a"


def test_a_claim_is_made_once_keeps_its_place_and_goes_with_its_run() -> None:
    with Store(lock("a")) as store:
        document = claim_document(other("a"))
        _claims.publish(_client(store), "development", NAME, document, holder="alice")
        first = store.stored[NAME + SUFFIX]["metadata"]["resourceVersion"]
        _claims.publish(_client(store), "development", NAME, document, holder="alice")
        assert store.stored[NAME + SUFFIX]["metadata"]["resourceVersion"] == first
        assert store.stored[NAME + SUFFIX]["metadata"]["ownerReferences"][0]["uid"] == "lock-a"
        assert names(list(store.stored.values())) == ["a"]
        assert not _claims.withdraw(_client(store), "development", NAME, holder="bob")
        assert _claims.withdraw(_client(store), "development", NAME, holder="alice")
        assert not _claims.withdraw(_client(store), "development", NAME, holder="alice")
        assert list(store.stored) == [NAME]


def test_another_claim_of_the_same_release_goes_to_the_end_of_the_line() -> None:
    with Store(lock("a")) as store:
        _claims.publish(_client(store), "development", NAME, claim_document(other("a", 1)), holder="alice")
        _claims.publish(_client(store), "development", NAME, claim_document(other("a", 2)), holder="alice")
        assert store.stored[NAME + SUFFIX]["metadata"]["resourceVersion"] == "102"


def test_a_claim_that_a_killed_run_left_behind_is_replaced() -> None:
    with Store(lock("a", "bob")) as store:
        store.stored[NAME + SUFFIX] = claim(other("a", 8), 1)
        store.stored[NAME + SUFFIX]["metadata"]["uid"] = "old"
        _claims.publish(_client(store), "development", NAME, claim_document(other("a", 1)), holder="bob")
        assert [each.holder for each in pending_claims(store.stored.values(), ("development", "m"))] == ["bob"]


def test_who_does_not_hold_the_lock_claims_nothing() -> None:
    for holder in ("bob", ""):
        with Store(lock("a", holder)) as store:
            with pytest.raises(Error) as caught:
                _claims.publish(_client(store), "development", NAME, claim_document(other("a")), holder="alice")
            assert (caught.value.code, list(store.stored)) == ("lock_lost", [NAME])


# --- as a question reads them ----------------------------------------------------------------------------------------------------


def _with(api: Api, *questions: Question) -> None:
    api.lists[LEASES] = [entry for place, each in enumerate(questions, start=1) for entry in (lock(each.release, namespace=each.namespace), claim(each, place))]


def test_what_another_run_claims_is_not_free_and_the_run_is_named() -> None:
    with cluster(1) as api:
        assert look(api, replicas=4)["verdict"] == "pass"
        _with(api, other("a", 2, namespace="staging"))
        found = look(api, replicas=4)
        assert (found["verdict"], found["code"]) == ("fail", "reserved_by_others")
        assert found["reserved"] == [{"release": "a", "namespace": "staging", "pods": 1, "placements": {"gpu-000": 1}, "holder": "alice"}]
        assert all(part in found["message"] for part in ("`a` in staging", "alice", "2 GPUs"))
        assert look(api, replicas=2)["verdict"] == "pass"
        assert look(api, replicas=4, claims=False)["verdict"] == "pass"
        # What would not fit without them either has its own cause.
        assert look(api, replicas=5)["code"] == "no_capacity"


def test_pods_of_a_claim_that_have_nodes_already_are_not_counted_twice() -> None:
    with cluster(1) as api:
        _with(api, other("a", 2))
        api.lists["/api/v1/pods"].append(pod("a-0", "gpu-000", {GPU: 2}))
        found = look(api, replicas=2, replaces={"release": "m-development"})
        # A release that has pods may surge by one more.
        assert (found["verdict"], [each["pods"] for each in found["reserved"]]) == ("fail", [1])
        t.cast(Json, api.lists[LEASES][1])["metadata"]["annotations"][CLAIM] = json.dumps({**claim_document(other("a", 2)), "strategy": "Recreate"})
        found = look(api, replicas=2, replaces={"release": "m-development"})
        assert (found["verdict"], found["reserved"]) == ("pass", [])


def test_ones_own_claim_is_ones_own_question() -> None:
    with cluster(1) as api:
        _with(api, other("m-development", 4))
        assert look(api, replicas=4, replaces={"release": "m-development"})["verdict"] == "pass"


def test_a_claim_for_other_nodes_takes_nothing_here() -> None:
    with cluster(2) as api:
        api.lists["/api/v1/nodes"][0]["metadata"]["labels"]["pool"] = "a"
        api.lists["/api/v1/nodes"][1]["metadata"]["labels"]["pool"] = "b"
        _with(api, other("a", 4, nodeSelector={"pool": "b"}))
        assert look(api, replicas=4, pod_template=template(nodeSelector={"pool": "a"}))["verdict"] == "pass"
        assert look(api, replicas=4, pod_template=template(nodeSelector={"pool": "b"}))["code"] == "reserved_by_others"


def test_a_claim_counts_in_the_quota_of_its_namespace() -> None:
    full = {"metadata": {"name": "gpus"}, "spec": {}, "status": {"hard": {"requests.nvidia.com/gpu": "10"}, "used": {"requests.nvidia.com/gpu": "8"}}}
    with cluster(2, resourcequotas=[full]) as api:
        assert look(api, replicas=2)["verdict"] == "pass"
        _with(api, other("a", namespace="staging"))
        assert look(api, replicas=2)["verdict"] == "pass"
        _with(api, other("a"))
        assert look(api, replicas=2)["code"] == "reserved_by_others"


def test_where_leases_may_not_be_listed_a_note_says_so_and_the_verdict_stands() -> None:
    one = "/apis/coordination.k8s.io/v1/namespaces/development/leases"
    with cluster(1, fault=lambda path, _query, _count: refuse(403, "Forbidden") if path == LEASES else None) as api:
        api.lists[one] = [lock("a"), claim(other("a", 4), 1)]
        found = look(api)
        assert (found["code"], len(found["notes"]), found["unknown"]) == ("reserved_by_others", 1, [])
        assert "verbs: [list]" in found["notes"][0]
    with cluster(1, fault=lambda path, _query, _count: refuse(403, "Forbidden") if path in (LEASES, one) else None) as api:
        found = look(api)
        assert (found["verdict"], len(found["notes"]), found["unknown"]) == ("pass", 2, [])


def test_a_claim_that_cannot_be_placed_is_noted_and_left_out() -> None:
    with cluster(1) as api:
        _with(api, other("a", 4, priorityClassName="none"))
        found = look(api)
        assert (found["verdict"], len(found["notes"]), "claim of a" in found["notes"][0]) == ("pass", 1, True)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", "In", "Exists"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["key", "operator", "values", "labelSelector", "x"]), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("nodeSelector", "tolerations", "topologySpreadConstraints", "priority", "overhead", "resources", "containers", "node", "pod", "anti")
TERMS = ("nodeSelectorTerms", "topologyKey", "labelSelector", "matchExpressions")


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(FIELDS),
    JUNK | st.lists(st.dictionaries(st.sampled_from([*TERMS, "maxSkew", "whenUnsatisfiable"]), JUNK | st.just("DoNotSchedule"), max_size=4), max_size=2),
)
def test_a_claim_of_junk_never_breaks_the_answer_of_others(field: str, junk: t.Any) -> None:
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    kinds = {"node": "nodeAffinity", "pod": "podAffinity", "anti": "podAntiAffinity"}
    changed = {"affinity": {kinds[field]: {required: junk}}} if field in kinds else {field: junk}
    made = claim(other("a"), 1)
    document = claim_document(other("a"))
    document["template"]["spec"] = {**document["template"]["spec"], **changed}
    made["metadata"]["annotations"][CLAIM] = json.dumps(document)
    client = types.SimpleNamespace(items=lambda path, _query=None: [lock("a"), made] if path == LEASES else [], get=lambda _path: {})
    question = _question.question({"namespace": "development", "replicas": 1, "pod_template": template()})
    found, notes = _context.reservations(Source(t.cast(Client, client)), question, LockWatch())
    running = [pod("b-0", "n0", labels={"app": "x"})]
    cluster_of = snapshot([node("n0", labels={"x": "x", "In": "In"}), node("n1")], running)
    answer(wanted(t.cast(Json, question.template), "development"), 1, cluster_of, None, found)
    _reader._labels_of([wanted(t.cast(Json, question.template), "development"), *(each.pod for each in found)])
    assert len(found) + len(notes) <= 1


def test_claims_cost_one_request_when_there_are_none() -> None:
    with cluster(1) as api:
        requests = look(api)["api_requests"]
        assert requests == look(api, claims=False)["api_requests"] + 1


def test_the_question_of_a_module_knows_its_release() -> None:
    made = _question.question({"namespace": "n", "replicas": 1, "replaces": {"release": "r"}})
    assert (made.release, made.claims, made.reserved) == ("r", True, ())
