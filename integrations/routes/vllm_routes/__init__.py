# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Follows the model registry of inference.vllm beside a router: LISTEN, polling as the fallback, the last good list when the database is down.

>>> follower = Follower(settings()).start()
>>> follower.table.find("llama-3-8b")
"""

from ._follow import Follower
from ._settings import Settings, SettingsError, settings
from ._table import Refusal, Route, Table

__all__ = ["Follower", "Refusal", "Route", "Settings", "SettingsError", "Table", "settings"]
