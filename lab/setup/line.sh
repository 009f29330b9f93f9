#!/bin/sh
# Prints `line ansible helm python` of the first or the second line of tests/matrix whose Python is on this machine.
set -eu
cd "$(dirname "$0")/../.."
wanted=${1:?"say first or second"}

usable() {
  grep -v '^#' tests/matrix | while read -r line ansible helm pythons; do
    # shellcheck disable=SC2086 # one argument per version
    if python=$(sh lab/setup/python.sh $pythons); then printf '%s %s %s %s\n' "$line" "$ansible" "$helm" "$python"; fi
  done
}

case $wanted in
  first) usable | sed -n 1p ;;
  second) usable | sed -n 2p ;;
  *) exit 2 ;;
esac
