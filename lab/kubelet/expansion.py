"""Text that refers to something: ``$(VAR)`` in commands and values, and the container's paths in them."""

from __future__ import annotations

import re
import typing as t

_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")


def expand(text: str, *scopes: t.Mapping[str, str]) -> str:
    """Replaces ``$(NAME)`` by the first scope that knows it; an unknown one stays as it is, and ``$$`` is a dollar."""

    def value(match: re.Match[str]) -> str:
        if match.group(1) == "$":
            return "$"
        return next((scope[match.group(2)] for scope in scopes if match.group(2) in scope), match.group(0))

    return _REFERENCE.sub(value, text)


def translate(text: str, paths: t.Mapping[str, str]) -> str:
    """Replaces every path of the container that stands in the text by where it really is.

    There is no mount namespace (it would need privileges that an ordinary user may lack), so a mounted path exists only
    under the container's own folder. A path counts when it stands alone: ``--cache=/data/x`` does, ``/database`` and
    ``http://host/data`` do not.
    """
    known = sorted((path for path in paths if path.strip("/")), key=len, reverse=True)
    if not known:
        return text
    form = re.compile(rf"(?<![\w./-])({'|'.join(re.escape(path.rstrip('/')) for path in known)})(?![\w.-])")
    places = {path.rstrip("/"): place for path, place in paths.items()}
    return form.sub(lambda match: places[match.group(1)], text)
