# shellcheck shell=bash
# Finding Python and making .venv. Sourced by bin/start and bin/test in the checkout's root.

# Prints the first Python that is new enough, or says in a sentence what is missing.
find_python() {
  local candidate candidates=(python3 python3.13 python3.12 python3.11 python)
  if [ -n "${PYTHON:-}" ]; then candidates=("$PYTHON"); fi
  for candidate in "${candidates[@]}"; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "odoo-bridge needs Python 3.11 or later, and none was found. Install it, or name it: PYTHON=/path/to/python3 $0" >&2
  return 1
}

# make_venv REQUIREMENTS: .venv with what the file names. Installs only when a requirements file changed.
make_venv() {
  local python stamp=.venv/.installed-$1
  if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$(find_python)
    echo "Making .venv with $("$python" --version) ..." >&2
    # Debian keeps the part of Python that makes environments in a package of its own.
    "$python" -m venv --clear .venv || {
      echo "Python could not make a virtual environment. On Debian and Ubuntu: apt install python3-venv" >&2
      return 1
    }
  fi
  if ! cat requirements*.txt | cmp -s - "$stamp"; then
    echo "Installing $1 into .venv (this takes a minute the first time) ..." >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$1"
    cat requirements*.txt >"$stamp"
  fi
}
