# shellcheck shell=sh
# Sourced by the scripts that build Go programs, after _step.sh: where Go's caches are, and how one program is built into .lab/bin.
bin=$PWD/.lab/bin
mkdir -p "$bin"
# Without a home directory to write to, Go's caches stay in the ignored folder too.
if [ ! -w "${HOME:-/nonexistent}" ]; then
  export GOPATH="$PWD/.cache/go" GOCACHE="$PWD/.cache/go-build"
fi

command -v go >/dev/null || die "Go was not found: install Go 1.26 or newer (the lab's control plane and Helm are built from source), and run make again."
# Asked inside lab/, where go.mod says which Go is needed and a Go from 1.21 on fetches that by itself.
(cd lab && go env GOVERSION) >/dev/null 2>&1 || die "$(go version) is too old: install Go 1.26 or newer, and run make again."

# build MODULE PROGRAM PACKAGE LDFLAGS [TAGS]: in a new file first, because a program that runs cannot be written to.
build() {
  (cd "$1" && go build -buildvcs=false -trimpath -tags "${5:-}" -ldflags "$4" -o "$bin/$2.new" "$3") &&
    mv -f "$bin/$2.new" "$bin/$2"
}
