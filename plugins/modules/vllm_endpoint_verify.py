#!/usr/bin/python

# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_endpoint_verify
short_description: Verifies that a model really serves, and how fast
description:
  - Asks an OpenAI-compatible endpoint for a real generation, reads a stream to its end, measures latency and judges thresholds.
    A vLLM server answers 200 on C(/health) while every generation fails, so nothing less proves that it serves.
  - Every check and every gate ends in one of three verdicts. What could not be told is V(inconclusive), never V(pass).
  - Against pods, each ready pod is checked alone, and the latency sample is spread over all of them, so that one bad pod behind a Service is found.
  - Latencies are measured as C(vllm bench serve) does; TTFT to the first streamed chunk, inter-token latency (ITL) between chunks, TPOT per token
    after the first, e2e to the last chunk; percentiles by linear interpolation. Tokens are those that the server's C(usage) counts.
  - Redirects are never followed, answers are read up to 1 MiB, and loopback, link-local and metadata addresses are refused unless allowed.
author:
  - The inference.vllm authors (@inference-vllm)
extends_documentation_fragment:
  - inference.vllm._kubernetes
  - inference.vllm._attributes
  - inference.vllm._attributes.actiongroup_vllm
  - inference.vllm._attributes.reads_only
options:
  way:
    description:
      - How the endpoint is reached.
      - V(direct) opens O(url) from the machine that runs the module and needs no Kubernetes.
      - V(port_forward) goes through the API server to pods, which needs C(get) and C(list) on pods and C(create) on pods/portforward
        (and C(get) on the Service or Deployment that is named).
      - V(service_proxy) goes through the API server to a Service, which needs C(get) and C(create) on services/proxy. The API server takes
        the C(Authorization) header for itself, so a server that wants a key ends V(inconclusive).
      - V(router) opens O(url) of an API router, with the router's key. A router's C(/health) is about itself and is not checked.
      - V(auto) takes the first of V(port_forward), V(service_proxy) and V(direct) whose options are given and that opens a connection;
        RV(way) says which.
    type: str
    choices: [auto, direct, port_forward, router, service_proxy]
    default: direct
  url:
    description: Address of the endpoint for O(way=direct), such as V(http://llama-3-8b.example.com:8000). C(/v1) at its end makes no difference.
    type: str
  http_proxy:
    description:
      - URL of an HTTP proxy on the way to O(url). The proxy then resolves the name, so that only the URL itself is judged.
      - The usual proxy variables of the environment are not followed.
    type: str
  namespace:
    description: Namespace of the pods.
    type: str
  service:
    description: Name of a Service; its ready pods are verified.
    type: str
  deployment:
    description: Name of a Deployment; its ready pods are verified.
    type: str
  pod:
    description: Name of one pod.
    type: str
  pods:
    description:
      - Which ready pods are verified.
      - V(new) takes only those of the newest ReplicaSet of O(deployment) (or of the Deployment that is called as O(service)).
    type: str
    choices: [all, new]
    default: all
  pod_port:
    description: Name or number of the port to verify; for a Service, of the Service's port.
    type: str
    default: http
  model:
    description: Name that the server must serve; the registry's name of the model.
    type: str
    required: true
  kind:
    description: What the model does. Pooling models are V(embedding), base models without a chat template V(completion).
    type: str
    choices: [chat, completion, embedding]
    default: chat
  endpoint_api_key:
    description:
      - Key of the endpoint, sent as bearer token. Taken from E(VLLM_API_KEY) when not given.
      - It has a name of its own because O(api_key) is the API server's.
    type: str
  key_required:
    description:
      - Whether an answer without the key is wrong (V(true)) or expected (V(false)). When not given, both are right.
      - A key that was given and is refused fails the check in any case.
    type: bool
  endpoint_ca_cert:
    description: Path of the CA certificates that signed those of an C(https) O(url) and O(reference_url). The system's when not given.
    type: path
  endpoint_validate_certs:
    description: Whether the certificate of an C(https) O(url) is verified.
    type: bool
    default: true
  allowed_networks:
    description: Networks of loopback, link-local or metadata addresses that O(url) may lead to all the same, such as V(127.0.0.0/8).
    type: list
    elements: str
    default: []
  checks:
    description:
      - What is checked, in this order.
      - When not given, V(tls) for an C(https) O(url) whose certificate is verified, V(health) (not for O(way=router)), V(models), V(authentication),
        the check of O(kind), V(stream) except for embeddings, V(lora) with O(lora_adapters), V(golden) with O(golden), and V(latency).
      - V(health), C(/health) answers 200.
      - V(ready), C(/ready) answers 200; vLLM does not offer it, and 404 is V(skipped), never a failure.
      - V(version), C(/version) answers.
      - V(models), C(/v1/models) lists O(model).
      - V(authentication), the key opens C(/v1/models), and what happens without it is as O(key_required) says.
      - V(chat), V(completion), V(embedding), a real answer with at least one token, or with a vector.
      - V(stream), a streamed answer read to C([DONE]), without an error inside it.
      - V(wrong_model), a name that nobody serves is refused, which proves that no gateway answers for the model.
      - V(reach), a connection can be had.
      - V(tls), the certificate is trusted; how many days are left. Fewer than 14 are a warning.
      - V(tools), a tool call with the right name and arguments as its schema asks.
      - V(json_schema), an answer as a JSON schema asks.
      - V(lora), each of O(lora_adapters) is listed as an adapter and answers.
      - V(golden), each of O(golden) is answered as it must be.
      - V(metrics), C(/metrics) has each of O(metrics) and has counted our requests; list it after a check that generates.
      - V(replicas), all pods have the same C(system_fingerprint) and context length.
      - V(latency), O(samples) timed requests, and what O(gates) says about them.
    type: list
    elements: str
    choices:
      - reach
      - tls
      - health
      - ready
      - version
      - models
      - authentication
      - chat
      - completion
      - embedding
      - stream
      - wrong_model
      - tools
      - json_schema
      - lora
      - golden
      - metrics
      - replicas
      - latency
  lora_adapters:
    description: Names of LoRA adapters for the check V(lora).
    type: list
    elements: str
    default: []
  metrics:
    description: Series that the check V(metrics) looks for.
    type: list
    elements: str
    default:
      - http_requests_total
      - vllm:e2e_request_latency_seconds_bucket
      - vllm:inter_token_latency_seconds_bucket
      - vllm:kv_cache_usage_perc
      - vllm:num_requests_running
      - vllm:num_requests_waiting
      - vllm:request_success_total
      - vllm:time_to_first_token_seconds_bucket
  golden:
    description: Prompts whose answers at temperature 0 are known, for the check V(golden). Each says in one way what the answer must be.
    type: list
    elements: dict
    default: []
    suboptions:
      prompt:
        description: What is asked.
        type: str
        required: true
      exact:
        description: The whole answer.
        type: str
      prefix:
        description: How the answer begins.
        type: str
      regex:
        description: Regular expression that is found in the answer.
        type: str
      json_schema:
        description: JSON schema that the answer keeps. Needs the Python package jsonschema.
        type: dict
      same:
        description: The answer is the same as that of O(reference_url).
        type: bool
        default: false
      max_tokens:
        description: Tokens that the answer may have. O(max_tokens) when not given.
        type: int
  reference_url:
    description: Address of another endpoint whose answers to O(golden) prompts with C(same) are taken for right, such as staging's.
    type: str
  reference_model:
    description: Name of the model there. O(model) when not given.
    type: str
  reference_api_key:
    description: Key of that endpoint.
    type: str
  prompt:
    description: What is asked in every request.
    type: str
    default: Say OK.
  prompt_words:
    description: Number of random words in the prompt of each timed request, each another one, so that no prefix cache helps. V(0) sends O(prompt).
    type: int
    default: 0
  max_tokens:
    description: Tokens that each answer may have, 1 to 4096. Latency depends on it, so compare only runs with the same number.
    type: int
    default: 16
  ignore_eos:
    description: Whether timed answers always have O(max_tokens) tokens, so that their latencies can be compared. A vLLM extension.
    type: bool
    default: false
  samples:
    description:
      - Number of timed requests. V(0) measures nothing. To prove a P95 with 95 % confidence, 59 are needed.
      - When not given, 5, or with O(duration) as many as fit into it.
    type: int
  concurrency:
    description: Number of requests at a time, at most 256. With O(rate), the most that are in flight.
    type: int
    default: 1
  warmup:
    description: Number of requests before the timed ones that do not count. When not given, O(concurrency), and at least 2.
    type: int
  rate:
    description:
      - Requests a second, sent by a random (Poisson) schedule whatever the server does. Gates then count e2e and TTFT from the schedule.
      - V(0) sends the next request when one has ended, which hides a server's overload.
    type: float
    default: 0.0
  duration:
    description: Seconds after which no further timed request is sent, even when O(samples) were given and are not reached. V(0) for no such limit.
    type: float
    default: 0.0
  seed:
    description: Seed of the schedule of O(rate) and of the prompts of O(prompt_words).
    type: int
    default: 0
  slo:
    description: What a request must keep to count for goodput; RV(latency.goodput) says how many did.
    type: dict
    default: {}
    suboptions:
      e2e_seconds:
        description: Seconds to the last chunk.
        type: float
      ttft_seconds:
        description: Seconds to the first chunk.
        type: float
      itl_seconds:
        description: Seconds between two chunks, each of them.
        type: float
      tpot_seconds:
        description: Seconds for each token after the first.
        type: float
  gates:
    description:
      - Thresholds by name. A value is the limit, or a dictionary with C(max) (C(min) for throughput), C(min_samples) and C(confidence).
      - C(pNN_e2e_seconds), C(pNN_ttft_seconds), C(pNN_itl_seconds), C(pNN_tpot_seconds) limit a percentile, such as C(p95_e2e_seconds).
        A failed request counts as infinitely slow.
      - C(error_rate) limits the share of failed requests, such as 0.001.
      - C(completion_seconds) limits the first whole answer, of the slowest pod.
      - C(output_tokens_per_second), C(requests_per_second) and C(goodput_requests_per_second) (with O(slo)) ask for a throughput.
      - Without C(min_samples), a percentile or share must be proven with C(confidence), 0.95 when not given; otherwise the verdict is V(inconclusive).
        "P95 at most 3 s" needs 59 samples with none above, 93 with one above, 124 with two.
      - With C(min_samples), so many samples are enough and the sample's own percentile or share decides; the confidence that it has is in the result.
        This is for quick verifications, and for shares that no small sample can prove.
    type: dict
    default: {}
  timeout:
    description: Seconds that the whole verification may take. What was not reached by then is V(inconclusive).
    type: float
    default: 60.0
  request_timeout:
    description: Seconds that one request may take in all.
    type: float
    default: 30.0
  report:
    description: Path of a JSON file that gets the result, every timed request, and a latency histogram and timeline as SVG. Not written in check mode.
    type: path
  junit:
    description: Path of a JUnit XML file with each check and gate as a test case; V(inconclusive) is an error there. Not written in check mode.
    type: path
  fail_on:
    description:
      - Verdicts that fail the task. With an empty list the task never fails for what it found, and RV(verdict) is for the play to judge.
      - Whatever the list says, options that cannot be right fail the task.
    type: list
    elements: str
    choices: [fail, inconclusive]
    default: [fail, inconclusive]
requirements:
  - kubernetes >= 24.2.0 (Python package; only for ways through the API server)
  - jsonschema (Python package; only for O(golden[].json_schema))
seealso:
  - module: inference.vllm.vllm_registry
"""

EXAMPLES = r"""
- name: Verify the pods of a new revision before it is registered
  inference.vllm.vllm_endpoint_verify:
    way: port_forward
    namespace: staging
    deployment: llama-3-8b-staging
    pods: new
    model: llama-3-8b
    samples: 60
    concurrency: 4
    gates:
      p95_e2e_seconds: 3
      error_rate: {max: 0.001, min_samples: 60}
  register: verification

- name: Look at any OpenAI-compatible endpoint, and judge in the play
  inference.vllm.vllm_endpoint_verify:
    url: https://models.example.com
    model: mistral-7b
    fail_on: []
  register: look

- name: Say what was found
  ansible.builtin.debug:
    msg: "{{ look.message }} (P95 {{ look.latency.e2e.p95 | default('unknown') }} s)"

- name: Verify an embedding model quickly; five samples prove little, and the result says how little
  inference.vllm.vllm_endpoint_verify:
    way: port_forward
    namespace: development
    service: bge-m3-development
    model: bge-m3
    kind: embedding
    gates:
      p95_e2e_seconds: {max: 1, min_samples: 5}
"""

RETURN = r"""
verdict:
  description: V(fail) when a check or gate failed, else V(inconclusive) when one could not tell, else V(pass).
  type: str
  returned: always
  sample: pass
message:
  description: The verdict in one sentence; for a failure, what was seen first and where.
  type: str
  returned: always
  sample: "llama-3-8b: chat at pod llama-3-8b-staging-7d9f-x2x9k: POST /v1/chat/completions answered HTTP 500"
way:
  description: How the endpoint was reached.
  type: str
  returned: always
  sample: port_forward
where:
  description: What was verified, for a person.
  type: str
  returned: always
  sample: 2 new pods of staging/llama-3-8b-staging
pods:
  description: Names of the pods that were verified; empty for O(way=direct).
  type: list
  elements: str
  returned: always
checks:
  description: One entry a check and pod, in the order of O(checks).
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the check.
      type: str
      sample: chat
    pod:
      description: Name of the pod, where there is one.
      type: str
    verdict:
      description: V(pass), V(fail), V(inconclusive) or V(skipped).
      type: str
    message:
      description: What was found, in one sentence.
      type: str
    observed:
      description: What was seen; its form is the check's own.
      type: raw
    expected:
      description: What would have been right.
      type: raw
    duration:
      description: Seconds that it took.
      type: float
latency:
  description: What the timed requests showed, in seconds; empty when they were not made.
  type: dict
  returned: always
  contains:
    e2e:
      description: From sending to the last chunk, with C(count), C(mean), C(min), C(max), C(p50), C(p90), C(p95) and C(p99) over the requests that succeeded.
      type: dict
    ttft:
      description: From sending to the first chunk; fields as in RV(latency.e2e).
      type: dict
    itl:
      description: Between two chunks, over all requests; fields as in RV(latency.e2e).
      type: dict
    tpot:
      description: A request's seconds for each token after the first; fields as in RV(latency.e2e).
      type: dict
    e2e_from_schedule:
      description: As RV(latency.e2e), but from when the request was due; only with O(rate).
      type: dict
    ttft_from_schedule:
      description: As RV(latency.ttft), but from when the request was due; only with O(rate).
      type: dict
    goodput:
      description: The C(requests) that kept O(slo), their C(share) and C(requests_per_second); only with O(slo).
      type: dict
    method:
      description: How percentiles were computed.
      type: str
    loop:
      description: V(closed), or V(open) with O(rate).
      type: str
    requests:
      description: Number of timed requests.
      type: int
    failed:
      description: Number of those that failed.
      type: int
    errors:
      description: Number of failures by kind.
      type: dict
    error_rate:
      description: Share of requests that failed.
      type: float
    warmup:
      description: Number of requests before, which do not count.
      type: int
    concurrency:
      description: O(concurrency).
      type: int
    rate:
      description: O(rate).
      type: float
    duration:
      description: Seconds that the timed requests took together.
      type: float
    requests_per_second:
      description: Requests a second.
      type: float
    output_tokens_per_second:
      description: Generated tokens a second.
      type: float
    prober_cpu_share:
      description: Share of one processor core that the module used meanwhile. Above 0.5 the gates are V(inconclusive).
      type: float
gates:
  description: One entry a gate.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the gate.
      type: str
    verdict:
      description: V(pass), V(fail) or V(inconclusive).
      type: str
    observed:
      description: What was measured; C(inf) when failed requests reach the percentile.
      type: raw
    limit:
      description: The limit.
      type: float
    samples:
      description: Number of samples behind it.
      type: int
    min_samples:
      description: Number of samples that the gate asks for.
      type: int
    confidence:
      description: Confidence that the samples give to the verdict, where samples are behind it.
      type: float
    message:
      description: What was found, in one sentence.
      type: str
restarts:
  description: How often it began again because pods were replaced meanwhile, at most 3.
  type: int
  returned: always
duration:
  description: Seconds that the verification took.
  type: float
  returned: always
"""

from ..module_utils._module import serve
from ..module_utils.gates._module import SPEC, run


def main() -> None:
    serve(SPEC, run)


if __name__ == "__main__":
    main()
