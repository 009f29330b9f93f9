"""Nothing is left behind in the temporary folder, also where its path has a space."""

from __future__ import annotations

import pathlib

from tests.integration.apply.conftest import BROKEN, Model


def test_no_file_is_left_after_a_deploy_a_second_one_and_one_that_fails(model: Model, temporary: pathlib.Path) -> None:
    import tempfile

    tempfile.tempdir = None
    try:
        model.deployed()
        model.deployed()
        model.apply(engine=BROKEN)
    finally:
        tempfile.tempdir = None
    assert [str(path) for path in temporary.rglob("*")] == []
