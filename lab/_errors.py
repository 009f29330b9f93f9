"""The lab's one error: its text is a sentence with the next step."""

from __future__ import annotations


class LabError(Exception):
    """Printed as it is, without a trace."""
