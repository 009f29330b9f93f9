#!/bin/sh
# Builds the lab's programs from the versions in lab/go.mod into .lab/bin.
set -eu
cd "$(dirname "$0")/../.."
. lab/setup/_step.sh
. lab/setup/_go.sh

kubernetes=$(cd lab && go list -m -f '{{.Version}}' k8s.io/kubernetes)
stamp=k8s.io/component-base/version
helm3=$(cd lab && go list -m -f '{{.Version}}' helm.sh/helm/v3)
helm4=$(cd lab && go list -m -f '{{.Version}}' helm.sh/helm/v4)
ldflags="-s -w -X $stamp.gitVersion=$kubernetes -X $stamp.gitMajor=1 -X $stamp.gitMinor=$(printf '%s' "$kubernetes" | cut -d. -f2)"

program() {
  # Helm has a version stamp of its own; kubernetes.core reads it.
  case $1 in
    helm3) flags="$ldflags -X helm.sh/helm/v3/internal/version.version=$helm3" ;;
    helm4) flags="$ldflags -X helm.sh/helm/v4/internal/version.version=$helm4" ;;
    *) flags=$ldflags ;;
  esac
  step "built $1" build lab "$1" "$2" "$flags"
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
