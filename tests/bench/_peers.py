"""Other people's load tools: how each is called, and where its percentiles are."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import typing as t

from tests.bench._engine import MODEL, TOKENS

Figures = dict[str, dict[str, float]]
Call = tuple[list[str], dict[str, str], t.Callable[[], Figures]]
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "TOKENIZERS_PARALLELISM": "false"}
ROOT = pathlib.Path(__file__).resolve().parents[2]
MAKE_TOKENIZER = """
import sys, tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
made = tokenizers.Tokenizer(models.BPE(unk_token=None))
made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
words = ["the quick brown fox jumps over the lazy dog and says OK to everybody " * 4]
made.train_from_iterator(words, trainers.BpeTrainer(vocab_size=512, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
fast = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")
fast.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
fast.save_pretrained(sys.argv[1])
"""


def _tokenizer(program: str, folder: pathlib.Path) -> pathlib.Path:
    """A small tokenizer made by the tool's own libraries: nothing is downloaded."""
    python = pathlib.Path(program).resolve().parent / "python"
    made = folder / "tokenizer"
    subprocess.run([str(python), "-c", MAKE_TOKENIZER, str(made)], check=True, capture_output=True, timeout=600)
    return made


def _vllm(program: str, url: str, requests: int, concurrency: int, folder: pathlib.Path) -> Call:
    command = [program, "bench", "serve", "--backend", "openai-chat", "--base-url", url, "--endpoint", "/v1/chat/completions"]
    command += ["--model", MODEL, "--tokenizer", str(_tokenizer(program, folder)), "--dataset-name", "random", "--random-input-len", "8"]
    command += ["--random-output-len", str(TOKENS), "--num-prompts", str(requests), "--max-concurrency", str(concurrency), "--ignore-eos", "--seed", "7"]
    command += ["--num-warmups", str(max(2, concurrency)), "--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "50,95,99"]
    command += ["--save-result", "--result-dir", str(folder), "--result-filename", "result.json", "--disable-tqdm"]

    def read() -> Figures:
        result = json.loads((folder / "result.json").read_text())
        names = {"ttft": "ttft", "itl": "itl", "tpot": "tpot", "e2e": "e2el"}
        return {ours: {f"p{p}": float(result[f"p{p}_{theirs}_ms"]) for p in (50, 95, 99)} for ours, theirs in names.items()}

    return command, OFFLINE, read


def _guidellm(program: str, url: str, requests: int, concurrency: int, folder: pathlib.Path) -> Call:
    tokenizer = _tokenizer(program, folder)
    command = [program, "run", "--backend", f"kind=openai_http,target={url},model={MODEL},request_format=/v1/chat/completions"]
    command += ["--profile", f"kind=concurrent,streams={concurrency}", "--constraint", f"kind=max_requests,count={requests}"]
    command += ["--tokenizer", f"kind=huggingface_auto,model={tokenizer}", "--data", f"kind=synthetic_text,prompt_tokens=8,output_tokens={TOKENS}"]
    command += ["--output", f"kind=json,path={folder / 'result.json'}", "--disable-console"]

    def read() -> Figures:
        metrics = json.loads((folder / "result.json").read_text())["benchmarks"][0]["metrics"]
        names = {"ttft": ("time_to_first_token_ms", 1.0), "tpot": ("inter_token_latency_ms", 1.0), "e2e": ("request_latency", 1000.0)}
        found: Figures = {}
        for ours, (theirs, factor) in names.items():
            percentiles = metrics[theirs]["successful"]["percentiles"]
            found[ours] = {f"p{p}": float(percentiles[f"p{p}"]) * factor for p in (50, 95, 99)}
        return found

    return command, OFFLINE, read


def installed(name: str) -> str:
    """The program of that name that peers.sh made, or the one on PATH; empty when there is none."""
    made = ROOT / ".cache" / "peers" / name
    return str(made / "bin" / name) if (made / "made").exists() else shutil.which(name) or ""


PEERS: dict[str, t.Callable[[str, str, int, int, pathlib.Path], Call]] = {"vllm": _vllm, "guidellm": _guidellm}
