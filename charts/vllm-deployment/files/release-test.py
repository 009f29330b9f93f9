# What a client does: ask the Service for the model, then for a few tokens. One line a step; the first failure ends it.
import http.client, json, os, sys, urllib.error, urllib.request

base, model, generation = sys.argv[1], sys.argv[2], sys.argv[3] == "true"

def ask(path, body=None):
    request = urllib.request.Request(base + path, json.dumps(body).encode() if body else None, {"Content-Type": "application/json"})
    if os.environ.get("VLLM_API_KEY"):
        request.add_unredirected_header("Authorization", "Bearer " + os.environ["VLLM_API_KEY"])
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"FAILED {path} answered {error.code}: {error.read(300).decode(errors='replace')}")
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"FAILED {base}{path}: {error}; is a pod ready, and does a NetworkPolicy stand between?")

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
