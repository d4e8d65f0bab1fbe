"""Mistakes in the keys of a service, and what an operator reads about each."""

from __future__ import annotations

from tests.spec.mistakes import Case, Line
from tests.spec.project_files import DEMO, DEMO_1, LOCAL, SHOP, SHOP_1

READY = "ready-path: /readyz"
WORKER = "    kind: worker\n"
SCHEDULER = "    kind: scheduler\n"
CRON = ('schedule: "0 4 * * *"', "command: [job]")


def _of_web(name: str, line: str, text: str, *more: str) -> Case:
    """A line more in the service web, which has a port and may be routed to."""
    found = [Line(f"services.web.{one}", at=line.splitlines()[0]) for one in (text, *more)]
    return Case(name, DEMO, READY, line.replace("\n", "\n    "), *found)


def _of_worker(name: str, line: str, text: str) -> Case:
    return Case(name, DEMO, WORKER, f"{WORKER}    {line}\n", Line(f"services.worker.{text}", at=line))


def _shared(name: str, line: str, text: str) -> Case:
    """The worker as a shared service, with a line more."""
    return Case(name, DEMO, WORKER, f"    kind: shared\n    {line}\n", Line(f"services.worker.{text}", at=line))


def _of_scheduler(name: str, line: str, text: str, *, nth: int = 1) -> Case:
    return Case(name, DEMO, SCHEDULER, f"{SCHEDULER}    {line}\n", Line(f"services.scheduler.{text}", at=line, nth=nth))


def _of_cron(
    name: str, line: str, text: str, *, kept: tuple[str, ...] = ('schedule: "0 4 * * *"', "command: [job]")
) -> Case:
    """A line more in a cron; a text that begins with no key is said of the cron as a whole."""
    lines = "".join(f"    {one}\n" for one in ("kind: cron", *kept, line))
    at = line if text.startswith(line.partition(":")[0]) else "scheduler:"
    between = "." if at == line else ": "
    return Case(name, DEMO, SCHEDULER, lines, Line(f"services.scheduler{between}{text}", at=at))


def _of_schedule(name: str, schedule: str, text: str) -> Case:
    return _of_cron(name, f'schedule: "{schedule}"', f"schedule: {text}", kept=("command: [job]",))


MODE = 'must be four octal digits in quotes, for example "0440": YAML reads others out of 0440'
SECRET = "must be letters, digits and . _ -, beginning and ending with a letter or digit, for example database-password"
ABSOLUTE = "must be an absolute path without .. and spaces, for example /etc/app/app.conf"
NAMES = "database-password, preview-token, redis-password"
LABEL = "must be a DNS label: small letters, digits and -, beginning with a letter, for example web"
PINNED = f"registry.example.com/mail:1@sha256:{'7' * 64}"
OF_NO_VERSION = (
    "cannot be shared here: a shared service is of no version; write it into the platform file, or under "
    "overrides.services of a stack"
)
CASES = (
    Case(
        "mode without quotes",
        DEMO,
        "secrets: [database-password]",
        "secrets: [{name: database-password, mode: 0440}]",
        Line(f"services.web.secrets.0.mode: {MODE}", at="secrets: [{"),
    ),
    Case(
        "mode with a digit that is none",
        DEMO,
        "secrets: [database-password]",
        'secrets: [{name: database-password, mode: "0480"}]',
        Line(f"services.web.secrets.0.mode: {MODE}", at="secrets: [{"),
    ),
    Case(
        "owner of a secret by name",
        DEMO,
        "secrets: [database-password]",
        "secrets: [{name: database-password, uid: root}]",
        Line(
            "services.web.secrets.0.uid: must be a whole number, without quotes and without a fraction",
            at="secrets: [{",
        ),
    ),
    Case(
        "secret with a space",
        DEMO,
        "secrets: [database-password]",
        'secrets: [database-password, "a b"]',
        Line(f"services.web.secrets.1: {SECRET}", at="secrets: [database"),
    ),
    Case(
        "long form of a secret that is not listed",
        DEMO,
        "secrets: [database-password]",
        "secrets: [database-password, {name: Mail.Key}]",
        Line(
            f"services.web.secrets.1: names a secret that the platform's `secrets` do not list; known: {NAMES}",
            at="secrets: [database",
        ),
    ),
    Case(
        "two secrets in one file",
        DEMO,
        "secrets: [database-password]",
        "secrets: [database-password, {name: redis-password, file: database-password}]",
        Line(
            "services.web.secrets.1: has the same file as secrets.0; give it a file of its own",
            at="secrets: [database",
        ),
    ),
    Case(
        "one secret with two modes",
        DEMO,
        "secrets: [database-password]",
        'secrets: [database-password, {name: database-password, file: own, mode: "0400"}]',
        Line(
            (
                "services.web.secrets.1: has another mode or owner than secrets.0, and a task has one file of each "
                "secret, under whichever names; say the same in both"
            ),
            at="secrets: [database",
        ),
    ),
    Case(
        "secret's file outside",
        DEMO,
        "secrets: [database-password]",
        "secrets: [database-password, {name: redis-password, file: ../x}]",
        Line(
            "services.web.secrets.1.file: must be a file name below /run/secrets or an absolute path, without .. and "
            "spaces, for example password",
            at="secrets: [database",
        ),
    ),
    _of_web(
        "config file that is not there",
        "config-files: [{source: config/app.conf, target: /etc/app.conf}]",
        "config-files.0.source: names a file that the project does not have; write its path below the project's folder",
    ),
    _of_web(
        "config file outside the project",
        "config-files: [{source: ../app.conf, target: /etc/app.conf}]",
        "config-files.0.source: must be a path in the project, without .. and spaces and not beginning with /, for "
        "example config/app.conf",
    ),
    _of_web(
        "config file to a relative place",
        "config-files: [{source: platforms/demo.yaml, target: app.conf}]",
        f"config-files.0.target: {ABSOLUTE}",
    ),
    _of_web(
        "config file without a place",
        "config-files: [{source: platforms/demo.yaml}]",
        "config-files.0.target: is missing: where a task finds it",
    ),
    _of_web(
        "two files in one place",
        "config-files: [&a {source: platforms/demo.yaml, target: /etc/app.conf}, *a]",
        "config-files.1.target: is taken already; give each file and volume a path of its own",
    ),
    _of_web(
        "volume that does not say whose data it is",
        "volumes: [{name: uploads, target: /uploads}]",
        "volumes.0.shared: is missing: whether both colors have the same data (true), or each keeps its own (false)",
    ),
    _of_web(
        "volume of a data store",
        "volumes: [{name: postgres, target: /data, shared: true}]",
        "volumes.0.name: is the volume of data-stores.postgres; choose another name",
    ),
    _of_web(
        "volume that is described twice",
        "volumes: [{name: a, target: /a, shared: true}, {name: a, target: /b, shared: false}]",
        "volumes.1: says other things of its data than services.web.volumes.0; `shared` and `nfs` must be the same in "
        "both",
    ),
    _of_web(
        "volume at no path",
        "volumes: [{name: a, target: a, shared: true}]",
        f"volumes.0.target: {ABSOLUTE}",
    ),
    _of_web(
        "file server without a directory",
        "volumes: [{name: a, target: /a, shared: true, nfs: {server: 10.0.0.51}}]",
        "volumes.0.nfs.path: is missing: directory that the server exports",
    ),
    _of_web(
        "file server with odd options",
        'volumes: [{name: a, target: /a, shared: true, nfs: {server: nas, path: /a, options: "rw; x"}}]',
        "volumes.0.nfs.options: must be options of mount with commas between them, for example nfsvers=4,rw",
    ),
    _of_web(
        "user in words",
        "user: the web server",
        "user: must be a user, or a user and a group with a colon between them, for example 1000:1000",
    ),
    _of_web(
        "capability that Linux has not",
        "capabilities: [NET_BIND]",
        "capabilities.0: is no capability of Linux; write its name as in capabilities(7), for example NET_BIND_SERVICE",
    ),
    _of_web(
        "capability with its prefix",
        "capabilities: [CAP_CHOWN]",
        "capabilities.0: has the prefix CAP_; leave that out, for example NET_BIND_SERVICE",
    ),
    _of_web("capability twice", "capabilities: [CHOWN, CHOWN]", "capabilities.1: is listed twice; leave one out"),
    _of_web(
        "signal that Linux has not",
        "stop-signal: SIGSTOPP",
        "stop-signal: must be SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 or SIGWINCH",
    ),
    _of_web("directory that is relative", "working-dir: app", f"working-dir: {ABSOLUTE}"),
    _of_web(
        "shared memory in MB", "shm-size: 256MB", "shm-size: is no amount of memory; write for example 256Mi or 2Gi"
    ),
    _of_web("read-only in words", "read-only: yes please", "read-only: must be true or false"),
    _of_web(
        "extra host without an address",
        "extra-hosts: {mail: mail.example.com}",
        "extra-hosts.mail: must be an IPv4 address, for example 10.0.0.11",
    ),
    _of_web(
        "extra host with a space",
        'extra-hosts: {"a b": 10.0.0.11}',
        "extra-hosts.a b: must be a host name, for example mail.example.com",
    ),
    _of_web(
        "network of Docker",
        "networks: [host]",
        "networks.0: is Docker's own and no stack's; name a network that another stack made",
    ),
    _of_web(
        "network of this stack",
        "networks: [local-blue]",
        "networks.0: is this stack's own; services join those by what they are, so leave it out",
    ),
    _of_web(
        "published port of a web service",
        "published: [{port: 9000, target: 9000}]",
        "published: belong to a web service, whose colors cannot both have a port of a host; let routes lead to it",
    ),
    _of_worker(
        "published port through the mesh",
        "published: [{port: 9000, target: 9000, mode: ingress}]",
        "published.0.mode: must be host: every host listens for ingress, and only one of the two colors could have "
        "the port",
    ),
    _of_worker(
        "published port twice",
        "published: [{port: 9000, target: 1}, {port: 9000, target: 2}]",
        "published.1.port: is published twice; leave one out",
    ),
    _of_worker(
        "published port of the load balancers",
        "published: [{port: 8443, target: 1}]",
        "published.0.port: is taken by edge.https-port; on one host only one can have it, so choose another",
    ),
    Case(
        "published port and start-first",
        DEMO,
        WORKER,
        f"{WORKER}    published: [{{port: 9000, target: 1}}]\n    update: {{order: start-first}}\n",
        Line(
            "services.worker.update.order: must be stop-first where ports of the host are published; the new task "
            "would wait for ever",
            at="order: start-first",
        ),
    ),
    _of_web(
        "two ports of one number", "ports: {admin: 8000}", "ports.admin: is the same as port; leave one of them out"
    ),
    _of_web(
        "port with a wrong name",
        "ports: {Admin: 8002}",
        f"ports.Admin: {LABEL}",
    ),
    Case(
        "health on a port without a name",
        DEMO,
        "{path: /alive}",
        "{path: /alive, port: admin}",
        Line("services.api.health.port: is no name under `ports`; known: none", at="{path: /alive"),
    ),
    Case(
        "no check and no reason",
        DEMO,
        "{path: /alive}",
        '{none: ""}',
        Line(
            "services.api.health.none: must say why there is no check, for example: the image has no shell and no port",
            at="health: {none",
        ),
    ),
    Case(
        "a check and a reason for none",
        DEMO,
        "{path: /alive}",
        "{path: /alive, none: no curl}",
        Line("services.api.health: has a path and a none; leave one of them out", at="{path: /alive"),
    ),
    Case(
        "restart condition of Compose's other file",
        DEMO,
        "restart: {delay: 3s}",
        "restart: {condition: unless-stopped}",
        Line("services.web.restart.condition: must be any, on-failure or none", at="restart:"),
    ),
    Case(
        "restarts below none",
        DEMO,
        "restart: {delay: 3s}",
        "restart: {max-attempts: -1}",
        Line("services.web.restart.max-attempts: must be at least 0", at="restart:"),
    ),
    Case(
        "update order in other words",
        DEMO,
        "update: {monitor: 2s, parallelism: 1}",
        "update: {order: first}",
        Line("services.web.update.order: must be start-first or stop-first", at="update:"),
    ),
    Case(
        "failures with two decimals",
        DEMO,
        "update: {monitor: 2s, parallelism: 1}",
        "update: {max-failure-ratio: 0.25}",
        Line(
            "services.web.update.max-failure-ratio: must have one decimal at most, for example 0.2: Docker's plugin "
            "reads back no more",
            at="update:",
        ),
    ),
    Case(
        "update that fails in other words",
        DEMO,
        "update: {monitor: 2s, parallelism: 1}",
        "update: {failure-action: stop}",
        Line("services.web.update.failure-action: must be rollback, pause or continue", at="update:"),
    ),
    _of_scheduler(
        "order of a scheduler's update",
        "update: {order: start-first}",
        "update.order: is always stop-first for a scheduler, so that never two give out jobs; leave it out",
    ),
    _of_scheduler(
        "scheduler that outlives the swarm's patience",
        "longest-request: 51s",
        "longest-request: must be at most 50s for a scheduler: after a minute its successor starts anyway; let a "
        "worker do it",
    ),
    Case(
        "broker that outlives the swarm's patience",
        DEMO,
        WORKER,
        "    kind: shared\n    volumes: [{name: mail, target: /mail}]\n    longest-request: 51s\n",
        Line(
            "services.worker.longest-request: must be at most 50s for a shared service that alone writes its volumes: "
            "after a minute its successor starts anyway; say update.order: start-first if it bears that",
            at="longest-request: 51s",
        ),
    ),
    _of_scheduler(
        "two schedulers",
        "replicas: 2",
        "replicas: must be 1 for a scheduler; with more, every job would be given out several times",
        nth=2,
    ),
    _of_web(
        "placement on a host that is not there",
        "placement: {hosts: [localhots]}",
        "placement.hosts.0: is no host of this stack with the role web; did you mean localhost?",
    ),
    _of_web(
        "placement twice on one host",
        "placement: {hosts: [localhost, localhost]}",
        "placement.hosts.1: is listed twice; leave one out",
    ),
    _of_web(
        "placement on a label with a space",
        'placement: {labels: {"a b": "1"}}',
        "placement.labels.a b: must be letters, digits and . _ / -, for example zone",
    ),
    _of_web(
        "placement of none per host", "placement: {most-per-host: 0}", "placement.most-per-host: must be at least 1"
    ),
    _of_web(
        "image of a colored service",
        f"image: {PINNED}",
        "image: is only for kind: shared; any other service's is in each version's manifest, under `images`, or built "
        "from `build`; leave it out",
    ),
    _shared(
        "shared service with an image where images are built",
        f"image: {PINNED}",
        "image: is set, and the platform has `images: local`; leave it out",
    ),
    Case(
        "shared service without a folder",
        DEMO,
        "    kind: worker\n    build: demo\n",
        "    kind: shared\n",
        Line(
            "services.worker.build: is missing, and the platform has `images: local`; name a folder under images/",
            at="  worker:",
        ),
    ),
    Case(
        "shared service without an image",
        SHOP,
        "    kind: worker\n",
        "    kind: shared\n",
        Line(
            "services.mailer.image: is missing, and the platform has `images: registry`; write "
            "repository:tag@sha256:<64 hex digits>",
            at="  mailer:",
        ),
    ),
    Case(
        "shared service at a tag",
        SHOP,
        "    kind: worker\n",
        "    kind: shared\n    image: registry.example.com/mail:1\n",
        Line(
            "services.mailer.image: is not pinned; a tag can move between two hosts, so write "
            "repository:tag@sha256:<64 hex digits>",
            at="image: registry.example.com/mail:1",
        ),
    ),
    Case(
        "manifest with the image of a shared service",
        SHOP,
        "    kind: worker\n",
        f"    kind: shared\n    image: {PINNED}\n",
        Line(
            "images.mailer: is a shared service, whose image is in the platform file; leave it out",
            at="mailer:",
            file=SHOP_1,
        ),
    ),
    _shared(
        "routes to a shared service without a port",
        "routes: [{path: /mail/}]",
        "routes: have no port to lead to; add the service's port, or leave them out",
    ),
    _shared(
        "data of a shared service for each color",
        "volumes: [{name: mail, target: /mail, shared: false}]",
        "volumes.0.shared: must be true or left out: a shared service exists once, and so does its data",
    ),
    _shared(
        "shared service with a port of the load balancers",
        "published: [{port: 8443, target: 1}]",
        "published.0.port: is taken by edge.https-port; on one host only one can have it, so choose another",
    ),
    Case(
        "shared service with the name of a color's",
        DEMO,
        "  worker:\n    kind: worker\n",
        "  web-blue:\n    kind: shared\n",
        Line(
            "services.web-blue: would be called web-blue in the swarm, as the service web is; rename one",
            at="  web-blue:",
        ),
    ),
    Case(
        "routes to shared services only",
        SHOP,
        "    port: 8000\n",
        f"    kind: shared\n    image: {PINNED}\n    port: 8000\n",
        Line(
            "services: only shared services have routes, so no version could be judged; give another one "
            "routes: [{path: /}]",
            at="services:",
        ),
    ),
    Case(
        "migrations by a shared service",
        DEMO,
        "    routes: [{path: /api/}, {path: /, host: portal}]\n",
        "    kind: shared\n",
        Line(
            "migrations.service: is a shared service, which has no version; name the colored one whose image has the "
            "migrations",
            at="service: api",
        ),
    ),
    Case(
        "version that makes a service shared",
        DEMO_1,
        "flags:",
        "services:\n  web:\n    kind: shared\nflags:",
        Line(f"services.web.kind: {OF_NO_VERSION}", at="kind: shared"),
    ),
    Case(
        "version with a new shared service",
        DEMO_1,
        "flags:",
        "services:\n  mail:\n    kind: shared\nflags:",
        Line(f"services.mail.kind: {OF_NO_VERSION}", at="kind: shared"),
    ),
    Case(
        "stack that makes a service of one version shared",
        LOCAL,
        "{release: {hot: 5m}}",
        '{versions: {"1.0.0": {services: {web: {kind: shared}}}}}',
        Line(f"colorway:overrides.versions.1.0.0.services.web.kind: {OF_NO_VERSION}", at="overrides"),
    ),
    _of_cron(
        "cron without a schedule",
        "command: [job]",
        'is a cron without a schedule; add for example schedule: "*/5 * * * *", which is every five minutes',
        kept=(),
    ),
    _of_cron(
        "cron without a program",
        'schedule: "0 4 * * *"',
        "is a cron that does not say what to run, and what its image would run is not known here; add for example "
        "command: [python3, cleanup.py]",
        kept=(),
    ),
    _of_schedule(
        "schedule with seconds",
        "0 0 4 * * *",
        'has 6 fields and not five (minute, hour, day of the month, month, weekday); write for example "*/5 * * * *"',
    ),
    _of_schedule(
        "schedule with a short name",
        "@daily",
        'is one of the short names that cron has; write its five fields, for example "0 0 * * *"',
    ),
    _of_schedule(
        "schedule with a minute too many", "60 * * * *", "has a minute out of its range; it must be from 0 to 59"
    ),
    _of_schedule(
        "schedule with a day 0", "0 0 0 * *", "has a day of the month out of its range; it must be from 1 to 31"
    ),
    _of_schedule(
        "schedule with a weekday's name",
        "0 4 * * MON",
        "has a weekday that cannot be read; names are not known, numbers are: write a number, a range, * or a list of "
        "them, for example 0,2 or */2",
    ),
    _of_schedule(
        "schedule with a lost comma",
        "0,,5 * * * *",
        "has a minute that cannot be read; write a number, a range, * or a list of them, for example 0,2 or */2",
    ),
    _of_schedule(
        "schedule with a range from its end",
        "0 18-6 * * *",
        "has a range in its hour that ends before it begins; write the lower number first",
    ),
    _of_schedule(
        "schedule with a step of nothing",
        "*/0 * * * *",
        "has a step out of range in its minute; it must be from 1 to 59",
    ),
    _of_schedule(
        "schedule with a step that nothing goes through",
        "5/10 * * * *",
        "has a step in its minute without a range to go through; write for example */2 or 0-59/2",
    ),
    _of_schedule(
        "schedule of a day that never comes",
        "0 4 31 4,6 *",
        "names days that its months never have, so that it would never run; name another day or month",
    ),
    _of_cron(
        "overlap of jobs",
        "overlap: allow",
        "overlap: must be forbid: a job is neither run twice at once nor cut off for the next one",
    ),
    _of_cron(
        "cron with a port",
        "port: 8765",
        "port: belongs to a cron, which nobody calls: its jobs come and go; leave it out",
    ),
    _of_cron(
        "cron with a published port",
        "published: [{port: 9999, target: 80}]",
        "published: belongs to a cron, which nobody calls: its jobs come and go; leave it out",
    ),
    _of_cron(
        "cron with routes",
        "routes: [{path: /cron}]",
        "routes: belong to a cron; only web and shared services answer requests, so leave them out",
    ),
    _of_cron(
        "cron with a stop signal",
        "stop-signal: SIGINT",
        "stop-signal: belongs to a cron, whose job is left to its end and gets no signal; leave it out",
    ),
    _of_cron(
        "two crons",
        "replicas: 2 # each",
        "replicas: must be 1 for a cron; with more, every job would be given out several times",
    ),
    _of_cron(
        "order of a cron's update",
        "update: {order: start-first}",
        "update.order: is always stop-first for a cron, so that never two give out jobs; leave it out",
    ),
    _of_worker(
        "schedule of a worker",
        'schedule: "0 4 * * *"',
        "schedule: belongs to a cron; write kind: cron, or leave it out",
    ),
)
