"""The exporter ends when it is told to, whoever hears it."""

from __future__ import annotations

import pathlib
import queue
import signal
import threading
import time

from vllm_routes import export
from vllm_routes._table import Table


def test_a_signal_that_another_thread_took_ends_it(tmp_path: pathlib.Path) -> None:
    tables: queue.SimpleQueue[Table | None] = queue.SimpleQueue()
    late = threading.Event()

    def hear() -> None:
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    def give_up() -> None:
        late.set()
        tables.put(None)

    before = signal.signal(signal.SIGTERM, lambda *_: tables.put(None))
    guard = threading.Timer(20, give_up)
    guard.start()
    try:
        threading.Thread(target=hear).start()
        assert export._follow(tables, export.Exporter("json", tmp_path / "routes.json", [])) == 0
        assert not late.is_set()
    finally:
        guard.cancel()
        signal.signal(signal.SIGTERM, before)
