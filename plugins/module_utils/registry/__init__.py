# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The PostgreSQL registry that routers follow: writes it in single transactions, reads it, migrates it, and keeps it true.

Entry points: ``_module_entry``, ``_module_info``, ``_module_schema``, ``_module_health`` and ``_module_reconcile`` (a module each; apart, because the first
three must not load what only probes and releases need), ``_change.change`` (one request, one transaction) and ``_routed.record``.
Pure decisions: ``_request``, ``_plan``, ``_status``, ``_health_policy``, ``_rendered``, ``_drift``, ``_differences``.
I/O: ``_session``, ``_sql``, ``_query``, ``_migrate``, ``_probe``, ``_releases``, ``_health``, ``_reconcile``.

May import: bundle, change, cluster, release, lock, endpoint, gates.
"""
