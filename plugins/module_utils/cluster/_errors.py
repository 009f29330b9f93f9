# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The one error of everything that comes before the first request."""

from __future__ import annotations

from .._errors import Error


class ConnectionConfigError(Error):
    """The kubeconfig or the connection options cannot be used."""

    code = "connection_config"
