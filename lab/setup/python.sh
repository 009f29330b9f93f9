#!/bin/sh
# Prints the path of an interpreter of one of the versions given (`3.11 3.12`), the earlier version first.
# Every candidate is run: version managers put names on PATH that exist and exit with 127.
set -eu

folders() {
  printf '%s\n' "$PATH" | tr ':' '\n'
  for folder in "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin "${HOME:-}"/.local/share/uv/python/*/bin; do
    if [ -d "$folder" ]; then printf '%s\n' "$folder"; fi
  done
}

real_path() {
  "$1" -c 'import ensurepip, sys, venv; "%d.%d" % sys.version_info[:2] == sys.argv[1] or sys.exit(1); print(sys.executable)' "$2" 2>/dev/null
}

for version in "$@"; do
  found=$(folders | while IFS= read -r folder; do
    for name in "python$version" python3; do
      if [ -x "$folder/$name" ] && real_path "$folder/$name" "$version"; then exit 0; fi
    done
  done)
  if [ -n "$found" ]; then
    printf '%s\n' "$found"
    exit 0
  fi
done
exit 1
