"""Clients that write into a MariaDB of a lab, as `writes` has them for a PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.clone import Clone
from tests.support.writes import PER_SECOND, WRITERS, Writes, writing

SCRIPT = r"""
host=$1 writers=$2 pause=$3 stop=/tmp/no-more-writes client=/tmp/client.cnf
umask 077
{
  printf '[client]\nhost=%s\nuser=seller\nskip-ssl\nconnect-timeout=3\npassword="' "$host"
  sed 's/[\\"]/\\&/g' /run/secrets/database-password | tr -d '\n'
  printf '"\n'
} >$client
echo 'CREATE TABLE IF NOT EXISTS writes (id varchar(60) PRIMARY KEY); TRUNCATE writes' |
  mariadb --defaults-file=$client shop
rm -f $stop
# What is answered comes after the write that it is about; what is not has failed, once, with its connection.
write() {
  while [ ! -e $stop ]; do
    key=
    while [ ! -e $stop ]; do
      key=$1-$(date +%s%N)
      echo "INSERT INTO writes VALUES ('$key'); SELECT CONCAT_WS(' ', 'write', 'done', UNIX_TIMESTAMP(NOW(6)), '$key');"
      sleep "$pause"
    done | mariadb --defaults-file=$client --unbuffered --batch --skip-column-names shop 2>/tmp/error.$1 ||
      echo "write failed $(date +%s.%N) $1 $(tail -n 1 /tmp/error.$1)"
    sleep "$pause"
  done
}
for number in $(seq "$writers"); do write "$number" & done
wait
echo "write ended $(date +%s.%N)"
"""


@contextmanager
def inserting(clone: Clone, *, service: str, host: str, to: str) -> Iterator[Writes]:
    """Have clients insert from inside a task, whose image has MariaDB's client, until the end or `stop`."""
    program = ("bash", "-euc")
    text = f"set -- {to} {WRITERS} {WRITERS / PER_SECOND}\n{SCRIPT}"
    with writing(clone, service=service, host=host, to=to, script=text, program=program) as found:
        yield found
