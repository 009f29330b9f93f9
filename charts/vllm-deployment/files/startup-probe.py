# The server is up when it has generated one token; until then one sentence says what is missing.
import http.client
import json
import os
import signal
import sys

model, port, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
step = "GET /health"


def late(*_: object) -> None:
    sys.exit(f"{step} gave no answer within {seconds} s")


def ask(method: str, path: str, body: str | None = None) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"}
    if os.environ.get("VLLM_API_KEY"):
        headers["Authorization"] = "Bearer " + os.environ["VLLM_API_KEY"]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


signal.signal(signal.SIGALRM, late)
signal.alarm(seconds)
try:
    status, text = ask("GET", "/health")
    if status != 200:
        sys.exit(f"GET /health answered {status}: the engine process is dead")
    step = "POST /v1/completions for 1 token"
    body = {"model": model, "prompt": "Hello", "max_tokens": 1, "temperature": 0}
    status, text = ask("POST", "/v1/completions", json.dumps(body))
    if status == 401:
        sys.exit("POST /v1/completions answered 401: VLLM_API_KEY is not the key of this server")
    if status == 404 and '"detail"' in text:
        sys.exit("there is no /v1/completions: not a generation model? Then set probes.startup.generation to false")
    if status != 200:
        sys.exit(f"{step} answered {status}: {text[:300]}")
    if json.loads(text)["usage"]["completion_tokens"] < 1:
        sys.exit(f"{step} answered 200 without a token: {text[:300]}")
except ConnectionRefusedError:
    sys.exit(f"nothing listens on port {port} yet: the model is loading")
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"{step} broke off: {error!r}")
except (ValueError, KeyError, TypeError):
    sys.exit(f"{step} answered 200 with something else than a completion: {text[:300]}")
