"""Do our latencies agree with the server's own truth, and with what others measure on the same server?

    make bench NAME=verify

installs vllm bench serve and guidellm for itself (peers.sh) and runs ``python -m tests.bench.verify``. Each tool gets a fresh simulated
engine with the same seed, the same number of requests and the same concurrency. The truth is the engine's own record of those requests:
percentiles in milliseconds, in brackets how far from the truth; processor time has the tool's own start in it. guidellm's inter-token
latency is what vLLM calls TPOT, and stands there. Every token takes a time of its own, as on a real server, so that a P99 is more than the
noise of the machine. A tool that is not there is said so. Quiet machine, or the numbers are about the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import typing as t

from tests.bench import _peers
from tests.bench._engine import MODEL, TOKENS, Truth, engine

ROOT = pathlib.Path(__file__).resolve().parents[2]
METRICS, PERCENTILES = ("ttft", "itl", "tpot", "e2e"), ("p50", "p95", "p99")
AGREEMENT, CPU_MS, MEMORY_MIB = 0.02, 0.3, 60


@dataclasses.dataclass(frozen=True)
class Measured:
    """``figures``: milliseconds by metric and percentile, and what the tool itself used: seconds of a processor, MiB."""

    figures: dict[str, dict[str, float]]
    wall: float
    cpu: float
    memory: float


def spent(command: t.Sequence[str], environ: t.Mapping[str, str] | None = None, seconds: float = 900) -> tuple[str, float, float, float]:
    """Output, wall and processor seconds, and peak MiB of a program and of what it started."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(environ or {})})
        try:
            _pid, status, used = os.wait4(process.pid, 0)
        except KeyboardInterrupt:
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{text[-2000:]}")
    return text, time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def ours(url: str, requests: int, concurrency: int) -> Measured:
    text, wall, cpu, _memory = spent([sys.executable, "-m", "tests.bench._ours", url, str(requests), str(concurrency)])
    result = json.loads(text)
    figures = {metric: {name: result["latency"][metric][name] * 1000 for name in PERCENTILES} for metric in METRICS}
    return Measured(figures, wall, cpu, result["memory"])


def peer(name: str, program: str, url: str, requests: int, concurrency: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        command, environ, read = _peers.PEERS[name](program, url, requests, concurrency, pathlib.Path(folder))
        # Its own children, several of them, are not in the peak: the largest counts.
        _text, wall, cpu, memory = spent(command, environ)
        return Measured(read(), wall, cpu, memory)


def compare(tools: t.Mapping[str, t.Callable[[str, int, int], Measured]], requests: int, concurrency: int) -> dict[str, tuple[Measured, Truth]]:
    """Each tool against an engine of its own, beside what that engine says."""
    found = {}
    for name, tool in tools.items():
        with engine() as running:
            try:
                measured = tool(running.url, requests, concurrency)
                found[name] = (measured, running.truth(requests))
            except (SystemExit, KeyError, OSError, ValueError, subprocess.SubprocessError) as error:
                if name == "ours":
                    raise
                print(f"{name} did not get to its end at concurrency {concurrency}, so it is not in that table: {type(error).__name__} {error}")
    return found


def table(concurrency: int, requests: int, found: t.Mapping[str, tuple[Measured, Truth]]) -> list[str]:
    lines = [f"concurrency {concurrency}"]
    lines.append(f"{'tool':16}{'':6}" + "".join(f"{name:>20}" for name in PERCENTILES) + f"{'wall s':>9}{'cpu s':>8}{'ms/req':>8}{'MiB':>7}")
    for name, (measured, truth) in found.items():
        for number, metric in enumerate(METRICS):
            cells = "".join(f"{cell(measured.figures.get(metric, {}).get(p), truth.get(metric, {}).get(p)):>20}" for p in PERCENTILES)
            share = measured.cpu / requests * 1000
            used = f"{measured.wall:9.1f}{measured.cpu:8.2f}{share:8.2f}{measured.memory:7.0f}" if number == 0 else ""
            lines.append(f"{name if number == 0 else '':16}{metric:6}{cells}{used}")
    return lines


def cell(value: float | None, truth: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if truth is None else f"{value:.2f} ({(value - truth) / truth:+.1%})"


def misses(concurrency: int, found: t.Mapping[str, tuple[Measured, Truth]]) -> list[str]:
    """Where ours is further than agreed from the truth, and from vllm bench serve where that is there and itself that near to its run's truth."""
    measured, truth = found["ours"]
    against: dict[str, Truth] = {"the truth": truth} | ({"what vllm bench serve makes of it": _judged(truth, *found["vllm"])} if "vllm" in found else {})
    return [
        f"concurrency {concurrency}: {metric} {name} is {cell(measured.figures[metric][name], other[metric][name])} from {what}"
        for what, other in against.items()
        for metric in METRICS
        for name in other.get(metric, {})
        if far(measured.figures[metric][name], other[metric][name])
    ]


def far(value: float, truth: float) -> bool:
    return abs(value - truth) > AGREEMENT * truth


def _judged(truth: Truth, theirs: Measured, of_theirs: Truth) -> Truth:
    """What another tool would have said of our run, by how far it was from the truth of its own: no two runs of a server are equally quick.

    Without the figures where it was further than agreed: nobody can be near to one that is not and to the truth as well.
    """
    shares = {m: {p: theirs.figures[m][p] / of_theirs[m][p] for p in PERCENTILES} for m in METRICS}
    return {m: {p: share * truth[m][p] for p, share in found.items() if not far(share, 1)} for m, found in shares.items()}


def cost(requests: int) -> tuple[float, float]:
    """Milliseconds of processor time for one request that is not streamed: the best round, and the one in the middle."""
    with engine(fast=True) as running:
        text, _wall, _cpu, _memory = spent([sys.executable, "-m", "tests.bench._ours", running.url, str(requests), "1", "--plain"])
    found = json.loads(text)
    return float(found["cpu_ms"]), float(found["usual_cpu_ms"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32])
    for name in _peers.PEERS:
        parser.add_argument(f"--{name}", default=_peers.installed(name), help=f"the program {name}, where peers.sh or PATH has not the right one")
    options = parser.parse_args()
    tools: dict[str, t.Callable[[str, int, int], Measured]] = {"ours": ours}
    for name in _peers.PEERS:
        program = getattr(options, name)
        if program:
            tools[name] = lambda url, requests, concurrency, name=name, program=program: peer(name, program, url, requests, concurrency)
        else:
            print(f"{name} is not installed here, so it is not in the tables; sh tests/bench/peers.sh says why")
    print(f"{options.requests} requests of {TOKENS} tokens to {MODEL}; milliseconds, and how far from the server's own truth; load {os.getloadavg()[0]:.1f}")
    missed: list[str] = []
    for concurrency in options.concurrency:
        found = compare(tools, options.requests, concurrency)
        print("\n".join(["", *table(concurrency, options.requests, found)]), flush=True)
        missed += misses(concurrency, found)
        if found["ours"][0].memory > MEMORY_MIB:
            missed.append(f"concurrency {concurrency}: {found['ours'][0].memory:.0f} MiB where {MEMORY_MIB} may be")
    spent_ms, usual_ms = cost(2000)
    print(f"\nours: {spent_ms:.3f} ms of processor time for a request that is not streamed ({usual_ms:.3f} in the median round), {CPU_MS} may be")
    missed += [f"{spent_ms:.3f} ms of processor time a request"] if spent_ms > CPU_MS else []
    print("\n".join(["", "missed:", *missed]) if missed else f"\nall within {AGREEMENT:.0%}")
    return 1 if missed else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
