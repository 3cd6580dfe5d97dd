#!/usr/bin/env bash
# A throw-away PostgreSQL for the tests: `tools/postgres.sh start DIR` prints its URL, `tools/postgres.sh stop DIR` ends it.
set -euo pipefail
verb=${1:?start or stop}
dir=${2:?a folder}

bin=$(dirname "$(command -v postgres || ls -1 /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -1)")
# The server refuses to run as root.
as_user() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

case $verb in
  start)
    mkdir -p "$dir"
    [ "$(id -u)" = 0 ] && chown postgres "$dir"
    port=$((20000 + RANDOM % 20000))
    as_user "$bin/initdb" -D "$dir/data" -A trust -U postgres --locale=C.UTF-8 >/dev/null
    as_user "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" \
      -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$dir" start >/dev/null
    echo "postgres://postgres@127.0.0.1:$port/postgres"
    ;;
  stop) as_user "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null ;;
  *) exit 2 ;;
esac
