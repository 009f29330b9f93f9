#!/bin/sh
# Builds the lab's programs from the versions in lab/go.mod into .lab/bin.
set -eu
cd "$(dirname "$0")/../.."
. lab/setup/_step.sh
bin=$PWD/.lab/bin
mkdir -p "$bin"
# Without a home directory to write to, Go's caches stay in the ignored folder too.
if [ ! -w "${HOME:-/nonexistent}" ]; then
  export GOPATH="$PWD/.cache/go" GOCACHE="$PWD/.cache/go-build"
fi

command -v go >/dev/null || die "Go was not found: install Go 1.26 or newer (the lab's control plane and Helm are built from source), and run make again."
# Asked inside lab/, where go.mod says which Go is needed and a Go from 1.21 on fetches that by itself.
(cd lab && go env GOVERSION) >/dev/null 2>&1 || die "$(go version) is too old: install Go 1.26 or newer, and run make again."

kubernetes=$(cd lab && go list -m -f '{{.Version}}' k8s.io/kubernetes)
stamp=k8s.io/component-base/version
helm3=$(cd lab && go list -m -f '{{.Version}}' helm.sh/helm/v3)
helm4=$(cd lab && go list -m -f '{{.Version}}' helm.sh/helm/v4)
ldflags="-s -w -X $stamp.gitVersion=$kubernetes -X $stamp.gitMajor=1 -X $stamp.gitMinor=$(printf '%s' "$kubernetes" | cut -d. -f2)"

build() {
  # Helm has a version stamp of its own; kubernetes.core reads it.
  case $1 in
    helm3) flags="$ldflags -X helm.sh/helm/v3/internal/version.version=$helm3" ;;
    helm4) flags="$ldflags -X helm.sh/helm/v4/internal/version.version=$helm4" ;;
    *) flags=$ldflags ;;
  esac
  (cd lab && go build -buildvcs=false -trimpath -ldflags "$flags" -o "$bin/$1" "$2")
}

program() {
  step "built $1" build "$1" "$2"
}

download() {
  (cd lab && go mod download)
}

step "downloaded the lab's Go modules" download
program kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
program etcd go.etcd.io/etcd/server/v3
program kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
program kube-scheduler k8s.io/kubernetes/cmd/kube-scheduler
program kwok sigs.k8s.io/kwok/cmd/kwok
program helm3 helm.sh/helm/v3/cmd/helm
program helm4 helm.sh/helm/v4/cmd/helm
program kubectl k8s.io/kubernetes/cmd/kubectl
