# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""The one error base of the collection: its text is a sentence that an operator can act on, its code is what machines act on."""

from __future__ import annotations

import typing as t


class Error(Exception):
    """Names the object, what was seen last, and the next step. Modules turn it into ``fail_json``.

    ``code`` is one of ``_codes.CODES`` and never changes with the wording. ``result`` is what the module returns beside
    ``msg`` and ``code``: the last state seen, for instance.
    """

    code: str = "failed"

    def __init__(self, message: str, *, code: str = "", result: t.Mapping[str, t.Any] | None = None) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.result: dict[str, t.Any] = dict(result or {})


class InputError(Error):
    """Refused before anything was read or changed."""

    code = "invalid_input"


class DeadlineError(Error):
    """The time given was used up; the text says what was seen last."""

    code = "timeout"
