"""A running lab, and namespaces on it."""

from __future__ import annotations

from lab.testing import lab, make_namespace, namespace

__all__ = ["lab", "make_namespace", "namespace"]
