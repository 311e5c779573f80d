# shellcheck shell=bash
# What bin/odoo and bin/services share: messages, ports, and a private PostgreSQL cluster in a folder
# of its own. Sourced, never run. Whoever sources it sets `set -euo pipefail`.

say() { printf '%s\n' "$*" >&2; }

# Exit 1: something went wrong here. Exit 3: this machine cannot offer what was asked for.
fail() { say "${0##*/}: $*"; exit 1; }
cannot() { say "${0##*/}: $*"; exit 3; }

# fail_with_log MESSAGE LOG: the reason, and where the program itself gave it.
fail_with_log() {
  say "${0##*/}: $1"
  if [ -s "$2" ]; then say "--- the last lines of $2"; tail -n 25 "$2" >&2; fi
  exit 1
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Ports from 20000 to 31999 lie below the range Linux hands to outgoing connections, so a service that
# is stopped for a test finds its port still free when it comes back.
free_port() {
  local port
  for _ in $(seq 50); do
    port=$((20000 + RANDOM % 12000))
    if ! port_taken "$port"; then echo "$port"; return; fi
  done
  fail "found no free port between 20000 and 31999"
}

# process_is PID WORD: PID is alive and WORD stands in its command line. A pid file left by a killed
# run may name a process that has nothing to do with us by now.
process_is() {
  local arguments
  [ -n "$1" ] || return 1
  if [ -d /proc/self ]; then # not every small image has ps
    arguments=$({ tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null) || return 1
  else
    arguments=$(ps -ww -o args= -p "$1") || return 1
  fi
  [[ $arguments == *"$2"* ]]
}

# usage: the comment at the top of the script.
usage() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

# pg_programs: the folder with initdb, pg_ctl and psql. Debian keeps it off the PATH, one a version.
pg_programs() {
  local folder found=
  for folder in "$(dirname "$(readlink -f "$(command -v initdb)")")" \
    $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V); do
    if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ] && [ -x "$folder/psql" ]; then found=$folder; fi
  done
  [ -n "$found" ] && echo "$found"
}

# pg_sql PORT USER DATABASE [PSQL-ARGUMENT...]: run SQL; bare values, one a line; stop at an error.
pg_sql() {
  local port=$1 user=$2 database=$3
  shift 3
  PGOPTIONS='' "$(pg_programs)/psql" -h 127.0.0.1 -p "$port" -U "$user" -d "$database" \
    -X -qAt -v ON_ERROR_STOP=1 "$@"
}

# PostgreSQL refuses to run as root. Root lends it the user its package made, else nobody.
pg_user() { if getent passwd postgres >/dev/null; then echo postgres; else echo nobody; fi; }

# pg_as COMMAND...: run it as the user who owns the cluster, from a folder that user may be in.
pg_as() (
  cd /
  if [ "$(id -u)" = 0 ]; then exec runuser -u "$(pg_user)" -- "$@"; else exec "$@"; fi
)

# pg_place HOME: the cluster's folder. It is HOME/pg, unless root works in a place the cluster's user
# may not enter (/root, say): then HOME/pg links to a temporary folder which that user owns.
pg_place() {
  local link=$1/pg place
  if [ -L "$link" ] && [ ! -d "$link" ]; then rm "$link"; fi
  if [ ! -e "$link" ]; then
    if [ "$(id -u)" != 0 ]; then
      mkdir -m 700 "$link"
    elif pg_as test -x "$1"; then
      install -d -m 700 -o "$(pg_user)" "$link"
    else
      place=$(mktemp -d "${TMPDIR:-/tmp}/odoo-bridge-pg.XXXXXX")
      chown "$(pg_user)" "$place"
      ln -s "$place" "$link"
    fi
  fi
  readlink -f "$link"
}

pg_running() { # PLACE
  local pid
  pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null || true)
  process_is "$pid" "$1/data"
}

# pg_make PLACE: an empty cluster. initdb works beside it and the result is moved in, so a folder
# called "data" is always a whole cluster.
pg_make() {
  local bin
  bin=$(pg_programs)
  pg_as rm -rf "$1/data.new" "$1/data"
  # Trust is enough: it listens on loopback only and holds nothing but test data.
  pg_as "$bin/initdb" -D "$1/data.new" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
    >"$1/initdb.log" 2>&1 || fail_with_log "initdb failed" "$1/initdb.log"
  pg_as mv "$1/data.new" "$1/data"
}

# pg_start PLACE PORT [OPTION...]: start the cluster unless it runs. OPTION: name=value of the server.
pg_start() {
  local place=$1 port=$2 option options bin
  shift 2
  if pg_running "$place"; then return; fi
  bin=$(pg_programs)
  # fsync off: after a power cut the cluster is thrown away, not repaired.
  options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
  # But a commit is a commit, also for tests that kill the server: synchronous_commit stays on.
  options+=" -c full_page_writes=off"
  for option in "$@"; do options+=" -c $option"; done
  # Left by a kill -9. PostgreSQL would refuse to start if that pid is in use again by anybody.
  pg_as rm -f "$place/data/postmaster.pid"
  # 9>&-: the server must not keep the caller's lock for as long as it lives.
  pg_as "$bin/pg_ctl" start -s -w -t 60 -D "$place/data" -l "$place/log" -o "$options" \
    >&2 9>&- || return 1
}

pg_stop() { # PLACE [MODE]
  if ! pg_running "$1"; then return; fi
  pg_as "$(pg_programs)/pg_ctl" stop -s -w -t 60 -D "$1/data" -m "${2:-fast}" >&2
}
