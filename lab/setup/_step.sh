# shellcheck shell=sh
# Sourced by the set-up's scripts: runs one slow step and says in one line what it did and how long it took.
# Progress goes to stderr, so that `make env` can be evaluated.

step() {
  step_title=$1
  shift
  mkdir -p .cache/setup
  step_log=.cache/setup/$(printf '%s' "$step_title" | tr -c 'A-Za-z0-9.\n' '-').log
  step_start=$(date +%s)
  if "$@" >"$step_log" 2>&1 </dev/null; then
    printf 'setup: %s (%s s)\n' "$step_title" "$(($(date +%s) - step_start))" >&2
  else
    tail -n 25 "$step_log" >&2
    die "Set-up stopped at \"$step_title\"; the whole output is in $step_log. Fix the cause, then run the same make target again."
  fi
}

die() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}
