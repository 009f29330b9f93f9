"""A running lab, and namespaces on it: the lab's own fixtures."""

from __future__ import annotations

from lab.testing import MakeNamespace, RunningLab, lab, make_namespace, namespace, one_at_a_time

__all__ = ["MakeNamespace", "RunningLab", "lab", "make_namespace", "namespace", "one_at_a_time"]
