"""One operator of the consistency test, in a process of its own so that it can be killed: makes random changes, and notes each call and its answer."""

from __future__ import annotations

import json
import pathlib
import random
import sys
import time
import typing as t
import uuid

# By the checkout's path and not by the collection's name: without Ansible's finder a writer is there in a moment.
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils.registry._change import change, result
from ansible_collections.inference.vllm.plugins.module_utils.registry._database import database
from ansible_collections.inference.vllm.plugins.module_utils.registry._driver import driver
from ansible_collections.inference.vllm.plugins.module_utils.registry._request import request

ENVIRONMENTS = ("staging", "production")
ORGANIZATIONS = (None, "north")
REVISIONS = ("r1", "r2", "r3", "r4")


def operation(choices: random.Random) -> dict[str, t.Any]:
    """Register, promote, roll back, disable, enable, weight or remove."""
    revision = choices.choice(REVISIONS)
    scope = {"model": "m", "environment": choices.choice(ENVIRONMENTS), "organization": choices.choice(ORGANIZATIONS)}
    kind = choices.choices(("register", "weight", "status", "disabled", "enabled", "roll back", "absent"), (8, 4, 2, 2, 3, 3, 1))[0]
    register = {**scope, "state": "present", "status": "ready", "revision": revision, "endpoint": f"m-{choices.randrange(3)}:8000"}
    operations: dict[str, dict[str, t.Any]] = {
        "register": register,
        "weight": {**register, "weight": choices.choice((0, 10, 50, 90, 100))},
        "status": {**register, "status": choices.choice(("deploying", "failed", "degraded"))},
        "disabled": {**scope, "state": "disabled", "reason": f"reason {choices.randrange(5)}"},
        "enabled": {**scope, "state": "enabled"},
        "roll back": {**scope, "state": "enabled", "revision": revision},
        "absent": {**scope, "state": "absent", "revision": revision},
    }
    return operations[kind]


def main(connection: dict[str, t.Any], seed: int, log: pathlib.Path) -> None:
    choices = random.Random(seed)
    driver()
    with log.open("a", encoding="utf-8", buffering=1) as notes:
        while True:
            asked = {**operation(choices), "correlation_id": str(uuid.uuid4()), "actor": f"writer-{seed}"}
            notes.write(json.dumps({"call": asked}) + "\n")
            start = time.monotonic()
            try:
                done = result(change(database(connection, {}), request(asked)))
                answer: dict[str, t.Any] = {"changed": done["changed"], "event_ids": done.get("event_ids", []), "version": done["version"]}
            except Error as error:
                answer = {"error": str(error), "unknown": "is not known" in str(error)}
            notes.write(json.dumps({"answer": asked["correlation_id"], "seconds": time.monotonic() - start, **answer}) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]))
