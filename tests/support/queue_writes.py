"""Clients that push into a queue of a lab, as `writes` has them for a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.clone import Clone
from tests.support.writes import Writes, writing

LIST = "writes"
"""Where they push their keys, in the order in which the leader took them."""
SCRIPT = r"""
import sys, threading, time, redis
from pathlib import Path
host, writers, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
password = Path("/run/secrets/redis-password").read_text()
stop, one = Path("/tmp/no-more-writes"), threading.Lock()

def say(*words):
    with one:
        print("write", *words, flush=True)

def connect():
    # Nobody tries again but the loop below: a push whose answer was lost may be there twice, and says so.
    return redis.Redis(host=host, password=password, socket_connect_timeout=3, socket_timeout=8, retry=None,
                       single_connection_client=True)

def write(number):
    connection, count = None, 0
    while not stop.exists():
        key, count = f"{number}-{count}", count + 1
        try:
            connection = connection or connect()
            connection.rpush("writes", key)
            say("done", time.time(), key)
        except redis.RedisError as error:
            say("failed", time.time(), key, type(error).__name__, str(error).splitlines()[0] if str(error) else "")
            if connection is not None:
                connection.close()
            connection = None
        time.sleep(pause)

connect().delete("writes")
stop.unlink(missing_ok=True)
threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
say("ended", time.time())
"""


@contextmanager
def pushing(clone: Clone, *, service: str, host: str, to: str) -> Iterator[Writes]:
    """Have clients push from inside a task of a service on a host, until the end or `stop`."""
    with writing(clone, service=service, host=host, to=to, script=SCRIPT) as writes:
        yield writes
