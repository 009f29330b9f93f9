#!/bin/sh
# Builds prometheus and promtool from the version in go.mod into .lab/bin; `lab up --with prometheus` calls it when they are not there.
set -eu
cd "$(dirname "$0")/../.."
. lab/setup/_step.sh
bin=$PWD/.lab/bin
version=$(cd lab/prometheus && go list -m -f '{{.Version}}' github.com/prometheus/prometheus) || die "Go 1.26 or newer is needed to build Prometheus."
# v0.315.0 of the module is release 3.15.0. The clouds' discoveries stay out: they are most of the compile time.
ldflags="-s -w -X github.com/prometheus/common/version.Version=$(printf '%s' "$version" | sed -E 's/^v0\.([0-9])([0-9]+)\./\1.\2./')"

build() {
  (cd lab/prometheus && go build -buildvcs=false -trimpath -tags remove_all_sd,enable_kubernetes_sd -ldflags "$ldflags" -o "$bin/$1" "github.com/prometheus/prometheus/cmd/$1")
}

for program in promtool prometheus; do
  [ -x "$bin/$program" ] || step "built $program" build "$program"
done
