#!/bin/sh
# Prints the lines that put the virtual environment, the Helm that matches it, and the lab's access into a shell:
# eval "$(make -s env)". `env.sh --path` prints the first two only, and `env.sh --as migrator` another user's access.
set -eu
cd "$(dirname "$0")/../.."
. lab/setup/_step.sh
[ -r .venv/line ] || die "The virtual environment is not there yet: run make lab-up first."

quoted() {
  printf "'"
  printf '%s' "$1" | sed "s/'/'\\\\''/g"
  printf "'"
}

# A folder of its own, because both Helms are called helm.
read -r _ _ helm _ <.venv/line
mkdir -p ".lab/path/$helm"
ln -sf "../../bin/$helm" ".lab/path/$helm/helm"
ln -sf ../../bin/kubectl ".lab/path/$helm/kubectl"
cat <<EOF
export VIRTUAL_ENV=$(quoted "$PWD/.venv")
export PATH=$(quoted "$PWD/.venv/bin:$PWD/.lab/path/$helm"):"\$PATH"
EOF
[ "${1:-}" = --path ] || exec .venv/bin/python -m lab env "$@"
