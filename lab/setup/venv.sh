#!/bin/sh
# Makes a virtual environment for a line of tests/matrix: `venv.sh .venv first lab/requirements.txt ...`.
# Leaves `line` (line, ansible, helm, python) and `root` (the checkout it was made for) in it.
set -eu
cd "$(dirname "$0")/../.."
. lab/setup/_step.sh
venv=$1 wanted=$2
shift 2
uv=uv==0.13.9

chosen=$(sh lab/setup/line.sh "$wanted")
[ -n "$chosen" ] || die "No Python 3.11 or newer with the venv module runs here: install Python 3.11 (or 3.12, 3.13, 3.14; on Debian with python3-venv), and run make again."
read -r line ansible helm python <<EOF
$chosen
EOF

make_venv() {
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --disable-pip-version-check "$uv"
}

install() {
  index=$("$venv/bin/python" -m pip config get global.index-url 2>/dev/null) && export UV_DEFAULT_INDEX="$index"
  # The system's certificates, as pip uses them, also where a company's proxy stands between.
  UV_SYSTEM_CERTS=true UV_HTTP_TIMEOUT=180 VIRTUAL_ENV=$PWD/$venv "$venv/bin/uv" pip install "ansible==$ansible" "$@"
}

# Left to the first import, every start of Ansible would do it again where PYTHONDONTWRITEBYTECODE is set, as most images have it.
# The package brings a hundred collections: only what a deploy imports.
compile() {
  (cd "$venv"/lib/python3*/site-packages &&
    "$OLDPWD/$venv/bin/python" -m compileall -q -j 0 ansible ansible_collections/kubernetes ansible_collections/community/postgresql \
      cryptography jinja2 kubernetes psycopg requests urllib3 yaml)
}

# Console scripts hold absolute paths: an environment that was made elsewhere, or for another line, is made anew.
if [ "$(cat "$venv/root" 2>/dev/null)" != "$PWD" ] || [ "$(cat "$venv/line" 2>/dev/null)" != "$chosen" ]; then
  step "made $venv with $python" make_venv
fi
requirements=''
for file in "$@"; do requirements="$requirements -r $file"; done
# shellcheck disable=SC2086 # the files of the project have no spaces in their relative names
step "installed ansible $ansible and the libraries of $* into $venv" install $requirements
step "compiled what Ansible imports in $venv" compile
printf '%s\n' "$line $ansible $helm $python" >"$venv/line"
printf '%s\n' "$PWD" >"$venv/root"
