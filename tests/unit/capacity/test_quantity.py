"""Quantities as Kubernetes parses, stores and compares them."""

from __future__ import annotations

import fractions

import pytest
from ansible_collections.inference.vllm.plugins.module_utils import _quantity
from ansible_collections.inference.vllm.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

SUFFIXES = {"": 1, "n": "1/1000000000", "u": "1/1000000", "m": "1/1000", "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
SUFFIXES |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60, "e3": 1000, "E-2": "1/100", "e+1": 10}


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [
        ("1", 1000),
        ("1500m", 1500),
        ("0.5", 500),
        (".5", 500),
        ("5.", 5000),
        ("+2", 2000),
        ("1e3", 1000000),
        ("1E3", 1000000),
        ("1E", 10**21),
        ("1.5Gi", 1610612736000),
        ("1k", 1000000),
        ("1Ki", 1024000),
        ("1n", 1),
        ("1.0001", 1001),
        ("0.0005", 1),
        ("0", 0),
        ("-0", 0),
        ("00", 0),
        ("0e5", 0),
    ],
)
def test_each_form_is_exact_and_rounded_up_to_a_thousandth(text: str, thousandths: int) -> None:
    assert _quantity.milli(text) == thousandths


@pytest.mark.parametrize("text", ["", ".", "1K", "1ki", "1 Gi", "Gi", "1e", "1e1.5", "1KiB", "0x1", "1_000", "٣", "1\n", "--1", "1e9999999999"])
def test_what_kubernetes_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        _quantity.milli(text)


@pytest.mark.parametrize(("text", "words"), [("-1", "is negative"), ("1e99", "beyond what Kubernetes can count"), ("1e-99", "beyond")])
def test_what_no_pod_can_ask_for_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _quantity.milli(text)


@given(st.integers(0, 10**9), st.integers(0, 6), st.sampled_from(sorted(SUFFIXES)))
def test_any_number_with_any_suffix_is_the_ceiling_of_its_exact_value(number: int, places: int, suffix: str) -> None:
    digits = str(number).rjust(places + 1, "0")
    text = (f"{digits[:-places]}.{digits[-places:]}" if places else digits) + suffix
    exact = fractions.Fraction(number, 10**places) * fractions.Fraction(SUFFIXES[suffix]) * 1000
    assert _quantity.milli(text) == -(-exact.numerator // exact.denominator)


@pytest.mark.parametrize(("name", "thousandths", "units"), [("cpu", 1001, 1001), ("memory", 1001, 2), ("nvidia.com/gpu", 2000, 2), ("memory", 0, 0)])
def test_the_scheduler_counts_cpu_in_thousandths_and_the_rest_in_whole_units(name: str, thousandths: int, units: int) -> None:
    assert _quantity.units(name, thousandths) == units


def test_values_of_yaml_are_taken_as_they_are_written() -> None:
    assert [_quantity.read(value, "x") for value in (2, 0.5, "2", 1e3)] == [2000, 500, 2000, 1000000]


@pytest.mark.parametrize("value", [None, True, [], {}, "x"])
def test_what_is_no_quantity_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(InputError, match=r"pod a/b: requests\.cpu"):
        _quantity.read(value, "pod a/b: requests.cpu")


@pytest.mark.parametrize(
    ("name", "amount", "words"),
    [
        ("cpu", 1500, "1500m"),
        ("cpu", 2000, "2"),
        ("memory", 24 << 30, "24Gi"),
        ("memory", 3 << 19, "1536Ki"),
        ("memory", 1000, "1000"),
        ("nvidia.com/gpu", 3, "3"),
    ],
)
def test_amounts_are_told_as_people_write_them(name: str, amount: int, words: str) -> None:
    assert _quantity.in_words(name, amount) == words


def test_an_uneven_amount_of_memory_is_told_roughly() -> None:
    assert _quantity.in_words("memory", (5 << 30) + 12345) == "5.0Gi"
