"""Whole transactions are tried again, so often and only for what may be otherwise the next time."""

from __future__ import annotations

import pytest
from ansible_collections.inference.vllm.plugins.module_utils._deadline import Deadline
from ansible_collections.inference.vllm.plugins.module_utils._errors import Error
from ansible_collections.inference.vllm.plugins.module_utils.registry._errors import Lost, RegistryError, WriteConflict
from ansible_collections.inference.vllm.plugins.module_utils.registry._retry import retried


def tried(errors: list[Error], *, seconds: float = 10.0, attempts: int = 3) -> tuple[list[bool], Error | None]:
    """Whether each attempt was patient, and the error in the end."""
    patience: list[bool] = []

    def attempt(patient: bool) -> str:
        patience.append(patient)
        if len(patience) <= len(errors):
            raise errors[len(patience) - 1]
        return "done"

    try:
        assert retried(Deadline(seconds), attempt, attempts=attempts, longest_pause=0.001) == "done"
    except Error as error:
        return patience, error
    return patience, None


def test_the_first_attempt_is_not_patient_and_the_others_are() -> None:
    assert tried([]) == ([False], None)
    assert tried([Lost("broken"), WriteConflict("met")]) == ([False, True, True], None)


def test_the_last_attempt_tells_its_own_error() -> None:
    errors: list[Error] = [Lost("first"), Lost("second"), Lost("third")]
    assert tried(errors) == ([False, True, True], errors[2])


@pytest.mark.parametrize(("error", "seconds"), [(RegistryError("refused"), 10.0), (Lost("broken"), 0.5)])
def test_a_refusal_and_a_time_that_is_up_are_not_tried_again(error: Error, seconds: float) -> None:
    assert tried([error], seconds=seconds) == ([False], error)
