#!/usr/bin/env bash
# A throw-away PostgreSQL for the tests: `tools/postgres.sh start DIR` prints its URL, `tools/postgres.sh stop DIR` ends it.
set -euo pipefail
verb=${1:?start or stop}
dir=${2:?a folder}

postgres=$(command -v postgres || ls -1 /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -1)
if [ -z "$postgres" ]; then
  echo 'There is no PostgreSQL on this machine. Install the package postgresql.' >&2
  exit 1
fi
bin=$(dirname "$(readlink -f "$postgres")")
# The server refuses to run as root.
as_user() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

case $verb in
  start)
    mkdir -p "$dir"
    [ "$(id -u)" = 0 ] && chown postgres "$dir"
    as_user "$bin/initdb" -D "$dir/data" -A trust -U postgres --locale=C.UTF-8 >/dev/null
    # Below the ports that the system hands out; one that is taken all the same costs another try.
    for _ in 1 2 3 4 5; do
      port=$((20000 + RANDOM % 12000))
      if as_user "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" \
        -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$dir" start >/dev/null 2>&1; then
        echo "postgres://postgres@127.0.0.1:$port/postgres"
        exit
      fi
    done
    tail -5 "$dir/log" >&2
    exit 1
    ;;
  stop) as_user "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null ;;
  *) exit 2 ;;
esac
