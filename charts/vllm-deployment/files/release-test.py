# What a client does: ask the Service for the model, then for a few tokens. One line a step; the first failure ends it.
import http.client
import json
import os
import sys
import urllib.error
import urllib.request

address, model, generation = sys.argv[1], sys.argv[2], sys.argv[3] == "true"


def ask(path: str, body: dict[str, object] | None = None) -> bytes:
    request = urllib.request.Request(f"http://{address}{path}", json.dumps(body).encode() if body else None, {"Content-Type": "application/json"})
    if os.environ.get("VLLM_API_KEY"):
        request.add_unredirected_header("Authorization", "Bearer " + os.environ["VLLM_API_KEY"])
    try:
        with urllib.request.build_opener().open(request, timeout=60) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        sys.exit(f"FAILED {path} answered {error.code}: {error.read(300).decode(errors='replace')}")
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"FAILED {address}{path}: {error}; is a pod ready, and does a NetworkPolicy stand between?")


ask("/health")
print("ok /health")
names = [served["id"] for served in json.loads(ask("/v1/models"))["data"]]
if model not in names:
    sys.exit(f"FAILED /v1/models serves {names}, not {model!r}")
print(f"ok /v1/models serves {model!r}")
if generation:
    answer = json.loads(ask("/v1/completions", {"model": model, "prompt": "Hello", "max_tokens": 8, "temperature": 0}))
    tokens = answer["usage"]["completion_tokens"]
    if tokens < 1:
        sys.exit(f"FAILED /v1/completions answered without a token: {answer}")
    print(f"ok /v1/completions generated {tokens} tokens")
