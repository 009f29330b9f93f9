# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
# Do not use this from other collections or standalone plugins/modules!

"""A verification as files: JSON with every request, and JUnit XML for CI systems."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import typing as t
from xml.etree import ElementTree

from .._errors import Error
from ..endpoint._stream import Sample
from ..gates._gate import Json
from ._verification import Verified

FORMAT = 1


def write(model: str, verified: Verified, report: str | None, junit: str | None) -> None:
    """Whole or not at all; raises Error when a file cannot be written."""
    if report:
        _put(report, json.dumps(document(model, verified), indent=1, ensure_ascii=True) + "\n")
    if junit:
        _put(junit, suite(model, verified.result))


def document(model: str, verified: Verified) -> Json:
    """The report. Times of requests are seconds since the first one was due."""
    samples = sorted(verified.checked.run.samples if verified.checked.run else (), key=lambda sample: sample.start)
    begin = samples[0].start if samples else 0.0
    return {"format": FORMAT, "model": model, **verified.result, "requests": [_request(sample, begin) for sample in samples]}


def suite(model: str, result: t.Mapping[str, t.Any]) -> str:
    """Checks and gates as test cases: fail is a failure, inconclusive an error."""
    cases = [("check", entry, f"{entry['name']}{' ' + entry['pod'] if entry.get('pod') else ''}") for entry in result["checks"]]
    cases += [("gate", entry, entry["name"]) for entry in result["gates"]]
    counts = {word: str(sum(1 for _kind, entry, _name in cases if entry["verdict"] == verdict)) for verdict, word in _COUNTED.items()}
    root = ElementTree.Element("testsuite", {"name": _clean(model), "tests": str(len(cases)), "time": str(result["duration"]), **counts})
    for kind, entry, name in cases:
        case = ElementTree.SubElement(root, "testcase", classname=f"{_clean(model)}.{kind}", name=_clean(name), time=str(entry.get("duration", 0)))
        if entry["verdict"] in _ELEMENTS:
            ElementTree.SubElement(case, _ELEMENTS[entry["verdict"]], message=_clean(entry["message"]))
        else:
            ElementTree.SubElement(case, "system-out").text = _clean(entry["message"])
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


_ELEMENTS = {"fail": "failure", "inconclusive": "error", "skipped": "skipped"}
_COUNTED = {"fail": "failures", "inconclusive": "errors", "skipped": "skipped"}


def _request(sample: Sample, begin: float) -> Json:
    entry: Json = {"start": round(sample.start - begin, 6), "sent": round(sample.sent - begin, 6), "end": round(sample.end - begin, 6)}
    if sample.error:
        return entry | {"error": sample.error, "message": sample.message}
    ttft = None if sample.ttft is None else round(sample.ttft, 6)
    return entry | {"latency": round(sample.latency or 0.0, 6), "ttft": ttft, "tokens": sample.tokens}


def _clean(text: str) -> str:
    """XML has no way to write control characters."""
    return "".join(character if character.isprintable() else " " for character in text)


def _put(path: str, text: str) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    temporary = ""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=".", delete=False) as file:
            temporary = file.name
            file.write(text)
        # A temporary file is readable by its owner alone; a report by everybody who may read the folder.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise Error(f"the report {path} cannot be written: {error.strerror or error}") from error
