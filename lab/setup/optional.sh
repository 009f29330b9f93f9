#!/bin/sh
# Builds an optional part's programs into .lab/bin: optional.sh PART PROGRAM PACKAGE [PROGRAM PACKAGE]...
# Each part has a go.mod of its own, lab/optional/PART, so that the lab's own build does not grow by what few need.
set -eu
cd "$(dirname "$0")/../.."
. lab/setup/_step.sh
. lab/setup/_go.sh
part=$1
shift

release() {
  (cd "lab/optional/$part" && go list -m -f '{{.Version}}' "$1")
}

ldflags="-s -w" tags=
case $part in
  prometheus)
    # v0.315.0 of the module is release 3.15.0.
    version=$(release github.com/prometheus/prometheus | sed -E 's/^v0\.([0-9]+)([0-9]{2})\.([0-9]+)$/\1.\2.\3/; s/\.0([0-9])/.\1/')
    ldflags="$ldflags -X github.com/prometheus/common/version.Version=$version"
    # Of all its ways to find targets only that of Kubernetes: the others are most of what there would be to compile.
    tags=remove_all_sd,enable_kubernetes_sd
    ;;
esac

while [ $# -gt 1 ]; do
  step "built $1" build "lab/optional/$part" "$1" "$2" "$ldflags" "$tags"
  shift 2
done
