"""A name in the inventory that nothing reads is found, and nothing else is."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from ansible_collections.inference.vllm.plugins.module_utils.apply import _settings as settings
from hypothesis import given
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).resolve().parents[3]
LOOKUP = re.compile(r"lookup\(\s*['\"]inference\.vllm\.setting['\"]\s*,\s*['\"]([a-z0-9_]+)['\"]")
#: Not modules (``vllm_apply:``), which have the collection's name before them, and not the groups of hosts.
VARIABLE = re.compile(r"(?<![\w.])vllm_[a-z0-9_]+")
#: Users of the database, and what is asked of other hosts' variables, where a lookup cannot look.
NO_SETTINGS = {"vllm_operator", "vllm_reader", "vllm_migrator", "vllm_kind"}


def sources() -> list[pathlib.Path]:
    """All that runs in a role or a playbook; the descriptions in meta/ read nothing."""
    return [path for path in ROOT.glob("roles/*/*/*.yml") if path.parent.name != "meta"] + sorted(ROOT.glob("playbooks/*.yml"))


def read_by_lookup() -> set[str]:
    return {f"{settings.PREFIX}{name}" for path in sources() for name in LOOKUP.findall(path.read_text())}


def test_the_table_holds_what_the_roles_read_through_the_lookup() -> None:
    assert read_by_lookup() == settings.SETTINGS


def test_no_role_and_no_playbook_reads_a_setting_by_any_other_way() -> None:
    """By its bare name an undefined variable inside it, or an empty key, would not be found."""
    without_comments = {path: re.sub(r"(?m)^\s*#.*$", "", path.read_text()) for path in sources()}
    bare = {name for text in without_comments.values() for name in VARIABLE.findall(text)}
    assert bare - settings.OTHERS - NO_SETTINGS == set()


@pytest.mark.parametrize("path", sorted(ROOT.glob("inventories/**/*.yml")), ids=lambda path: str(path.relative_to(ROOT)))
def test_our_own_inventories_have_no_name_that_nothing_reads(path: pathlib.Path) -> None:
    def keys(value: object) -> set[str]:
        if not isinstance(value, dict):
            return set()
        return {str(key) for key in value} | set().union(*(keys(inner) for inner in value.values()))

    assert settings.unknown(keys(yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("vllm_replica", "vllm_replicas"),
        ("vllm_Replicas", "vllm_replicas"),
        ("vllm_gate", "vllm_gates"),
        ("vllm_allow_down_time", "vllm_allow_downtime"),
        ("vllm_api_key", "vllm_api_key_secret"),
        ("vllm_promote_from", "vllm_promotes_from"),
        ("vllm_zzzzzzzz", ""),
        ("vllm_", ""),
    ],
)
def test_an_unknown_name_comes_with_the_nearest_known_one(name: str, nearest: str) -> None:
    assert settings.unknown([name]) == [(name, nearest)]


@given(st.lists(st.text(max_size=20) | st.sampled_from(sorted(settings.KNOWN))))
def test_known_names_and_other_peoples_are_never_told(names: list[str]) -> None:
    told = [name for name, _nearest in settings.unknown([*names, "ansible_host", "deploy_register"])]
    assert told == sorted({name for name in names if name.startswith("vllm_")} - settings.KNOWN)


@pytest.mark.parametrize("known", sorted(settings.SETTINGS))
def test_a_letter_too_many_is_always_traced_back(known: str) -> None:
    assert settings.unknown([f"{known}x"]) == [(f"{known}x", known)] or f"{known}x" in settings.KNOWN
