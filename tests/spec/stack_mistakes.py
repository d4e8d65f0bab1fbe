"""Mistakes in stack files, and what an operator reads about each."""

from __future__ import annotations

from tests.spec.mistakes import Case, Line
from tests.spec.project_files import FILES, KEY, LIVE, LOCAL, LOCAL_CONFIG, LOCAL_HOSTS

REGISTRY = "{registry.example.com: {user: deploy, password: registry-password}}"
NO_REGISTRY = (
    "is no registry; write what the references of its images begin with, without https:// and without a path, for "
    "example registry.example.com or registry.example.com:5000"
)
BEGAN = "{generation: 1, backup: 20261128-020000F, to: release-9}"
KEPT = "  colorway:release: {apply: here}"


def generation(name: str, said: str, text: str) -> Case:
    """A case about which generation the project's PostgreSQL is."""
    line = Line(f"colorway:stores.postgres{text}", at="colorway:stores")
    return Case(name, LOCAL, KEPT, f"{KEPT}\n  colorway:stores: {{postgres: {said}}}", line)


def closed(name: str, said: str, text: str) -> Case:
    """A case about what is closed for maintenance."""
    line = Line(f"colorway:maintenance{text}", at="colorway:maintenance")
    return Case(name, LOCAL, KEPT, f"{KEPT}\n  colorway:maintenance: {said}", line)


def issued(name: str, said: str, text: str) -> Case:
    """A case about who issues certificates."""
    return Case(name, LOCAL, KEPT, f"{KEPT}\n  colorway:tls: {said}", Line(f"colorway:tls{text}", at="colorway:tls"))


CASES = (
    issued(
        "root of a public authority",
        "{issuer: lets-encrypt, ca: root.pem, token: acme-token}",
        ": has a ca, and lets-encrypt is a public authority; leave that out, or write issuer: acme",
    ),
    issued(
        "issuer without a token",
        "lets-encrypt",
        ": has the issuer lets-encrypt, to which names are proven by DNS records; add token: the name of the secret "
        "with a Cloudflare token, for example token: acme-token",
    ),
    issued(
        "authority that nobody knows",
        "{issuer: acme, token: acme-token}",
        ": has the issuer acme, and nothing says which one; add for example directory: "
        "https://acme.example.com/acme/directory",
    ),
    issued(
        "directory of an issuer that has its own",
        "{issuer: lets-encrypt, directory: 'https://ca.example.com/dir', token: acme-token}",
        ": has a directory, and lets-encrypt has its own; leave that out, or write issuer: acme",
    ),
    issued(
        "token of certificates that nobody issues",
        "{token: acme-token, email: ops@example.com}",
        ": says email and token, which no self-signed certificate needs; add an issuer",
    ),
    issued(
        "directory without encryption",
        "{issuer: acme, directory: 'http://ca.example.com/dir', token: acme-token}",
        ".directory: is no address of an ACME directory; write it whole, for example "
        "https://acme.example.com/acme/directory",
    ),
    issued(
        "e-mail address that is none",
        "{issuer: lets-encrypt, token: acme-token, email: ops}",
        ".email: is no e-mail address; write one that somebody reads, for example ops@example.com",
    ),
    issued(
        "token in plain text",
        "{issuer: lets-encrypt, token: 'AbC_0123456789-0123456789-0123456789-0123456789'}",
        ".token: must be the name of a secret, for example acme-token, and never the token itself, which is set with "
        "`pulumi config set --secret secrets:acme-token`",
    ),
    issued(
        "issuer that nobody knows",
        "letsencrypt",
        ": must be self-signed, lets-encrypt, lets-encrypt-staging or acme",
    ),
    issued(
        "issuer that nothing asks",
        "{issuer: lets-encrypt, token: acme-token}",
        ": has the issuer lets-encrypt, and the platform has no image that asks it; add certbot-build: certbot under "
        "edge in platforms/demo.yaml",
    ),
    closed(
        "maintenance of a route that is none",
        "{demo.example.com/apis/: Back soon.}",
        ".demo.example.com/apis/: is no route of the stack; did you mean demo.example.com/api/?",
    ),
    closed(
        "maintenance of what is no place",
        "{/api/: Back soon.}",
        "./api/: is no place; write what a browser shows of a route, for example example.com/api/, or everything",
    ),
    closed(
        "maintenance of everything and more",
        "{everything: Back soon., demo.example.com/: Back soon.}",
        ".demo.example.com/: is closed with everything; leave one of them out",
    ),
    closed(
        "maintenance without a word for visitors",
        "{everything: ' '}",
        ".everything: must be what visitors read, on one line of at most 300 characters, for example Back at 14:00 "
        "UTC.",
    ),
    Case(
        "primary of a store that is none",
        LOCAL,
        "  colorway:release: {apply: here}",
        "  colorway:release: {apply: here}\n  colorway:stores: {postgrs: {primary: localhost}}",
        Line(
            "colorway:stores.postgrs: is no data store of the platform; did you mean postgres?",
            at="colorway:stores",
        ),
    ),
    Case(
        "login of a store that has none in turn",
        LOCAL,
        KEPT,
        f"{KEPT}\n  colorway:stores: {{cache: {{login: 2}}}}",
        Line("colorway:stores.cache.login: is for a PostgreSQL, which this is not; leave it out", at="colorway:stores"),
    ),
    Case(
        "primary of a store that chooses its leader itself",
        LOCAL,
        "  colorway:release: {apply: here}",
        "  colorway:release: {apply: here}\n  colorway:stores: {postgres: {primary: localhost}}",
        Line(
            "colorway:stores.postgres.primary: is for a MariaDB with two members, which this is not; leave it out",
            at="colorway:stores",
        ),
    ),
    generation(
        "generation that began as nothing",
        "{generation: 2}",
        ".begins-from: is missing, and generation 2 began from an earlier one; `colorway data restore` writes both",
    ),
    generation(
        "first generation that began as something",
        f"{{begins-from: {BEGAN}}}",
        ".begins-from: is set, and generation 1 began empty; `colorway data restore` writes both",
    ),
    generation(
        "generation that began from itself",
        f"{{generation: 2, begins-from: {BEGAN.replace('generation: 1', 'generation: 2')}}}",
        ".begins-from.generation: is 2, and generation 2 began from an earlier one; `colorway data restore` writes "
        "both",
    ),
    generation(
        "generation of a store that has no past",
        f"{{generation: 2, begins-from: {BEGAN}}}",
        ".generation: is for a database with several members that is backed up, which this is not; leave it out",
    ),
    generation(
        "backup that is none",
        f"{{generation: 2, begins-from: {BEGAN.replace('20261128-020000F', 'last')}}}",
        ".begins-from.backup: is no label of a backup; `colorway data restore` writes it, for example 20261128-020000F",
    ),
    Case(
        "traffic does not sum to 100",
        LOCAL,
        "blue: 100",
        "blue: 90",
        Line("colorway:traffic: blue and green sum to 90; they must sum to 100", at="colorway:traffic"),
    ),
    Case(
        "traffic is negative",
        LOCAL,
        "blue: 100, green: 0",
        "blue: 101, green: -1",
        Line("colorway:traffic.blue: must be at most 100", at="colorway:traffic"),
        Line("colorway:traffic.green: must be at least 0", at="colorway:traffic"),
    ),
    Case(
        "traffic is over 100",
        LOCAL,
        "blue: 100",
        "blue: 101",
        Line("colorway:traffic.blue: must be at most 100", at="colorway:traffic"),
    ),
    Case(
        "traffic is not whole",
        LOCAL,
        "blue: 100, green: 0",
        "blue: 99.5, green: 0.5",
        Line(
            "colorway:traffic.blue: must be a whole number, without quotes and without a fraction",
            at="colorway:traffic",
        ),
        Line(
            "colorway:traffic.green: must be a whole number, without quotes and without a fraction",
            at="colorway:traffic",
        ),
    ),
    Case(
        "traffic in quotes",
        LOCAL,
        "blue: 100, green",
        'blue: "100", green',
        Line(
            "colorway:traffic.blue: must be a whole number, without quotes and without a fraction",
            at="colorway:traffic",
        ),
    ),
    Case(
        "active has no traffic",
        LOCAL,
        "active: blue",
        "active: green",
        Line(
            "colorway:traffic.active: names green, which no user meets; name blue, or give green a share",
            at="colorway:traffic",
        ),
    ),
    Case(
        "active is no color",
        LOCAL,
        "active: blue",
        "active: bleu",
        Line("colorway:traffic.active: must be blue or green", at="colorway:traffic"),
    ),
    Case(
        "off color has traffic",
        LOCAL,
        'green: "2.0.0"}\n  colorway:traffic: {blue: 100, green: 0',
        "green: null}\n  colorway:traffic: {blue: 90, green: 10",
        Line(
            "colorway:traffic.green: is 10, and green is off; give it a version first, or set it to 0",
            at="colorway:traffic",
        ),
    ),
    Case(
        "both colors off",
        LOCAL,
        '{blue: "1.0.0", green: "2.0.0"}',
        "{blue: null, green: null}",
        Line("colorway:versions: both colors are off; give one of them a version", at="colorway:versions"),
    ),
    Case(
        "traffic is a number",
        LOCAL,
        "{blue: 100, green: 0, active: blue}",
        "100",
        Line("colorway:traffic: must be a mapping: keys, each with a value", at="colorway:traffic"),
    ),
    Case(
        "traffic without green and active",
        LOCAL,
        ", green: 0, active: blue}",
        "}",
        Line(
            "colorway:traffic.green: is missing: share of the users that meet green, in whole percent",
            at="colorway:traffic",
        ),
        Line(
            "colorway:traffic.active: is missing: the color that owns workers, schedulers and crons",
            at="colorway:traffic",
        ),
    ),
    Case(
        "unquoted version",
        LOCAL,
        'blue: "1.0.0"',
        "blue: 1.10",
        Line(
            'colorway:versions.blue: is a number to YAML and loses its zeros; quote it: "1.10"', at="colorway:versions"
        ),
    ),
    Case(
        "version that is a date",
        LOCAL,
        'blue: "1.0.0"',
        "blue: 2026-01-01",
        Line(
            (
                "colorway:versions.blue: is no version; write the name of a release manifest in quotes, for "
                'example "1.9.0"'
            ),
            at="colorway:versions",
        ),
    ),
    Case(
        "version that is a path",
        LOCAL,
        'blue: "1.0.0"',
        'blue: "../1.0.0"',
        Line(
            (
                "colorway:versions.blue: is no version; write the name of a release manifest in quotes, for "
                'example "1.9.0"'
            ),
            at="colorway:versions",
        ),
    ),
    Case(
        "missing manifest",
        LOCAL,
        'green: "2.0.0"',
        'green: "2.0.1"',
        Line(
            (
                "colorway:versions.green: names a release manifest that releases/demo/ does not have; did "
                "you mean 2.0.0?"
            ),
            at="colorway:versions",
        ),
    ),
    Case(
        "missing platform",
        LOCAL,
        "platform: demo",
        "platform: wordpress",
        Line(
            "colorway:platform: names a file that platforms/ does not have; known: demo, shop", at="colorway:platform"
        ),
    ),
    Case(
        "platform misspelt",
        LOCAL,
        "platform: demo",
        "platform: demos",
        Line(
            "colorway:platform: names a file that platforms/ does not have; did you mean demo?", at="colorway:platform"
        ),
    ),
    Case(
        "platform in capitals",
        LOCAL,
        "platform: demo",
        "platform: Demo",
        Line(
            (
                "colorway:platform: must be a DNS label: small letters, digits and -, beginning with a "
                "letter, for example web"
            ),
            at="colorway:platform",
        ),
    ),
    Case(
        "misspelt key",
        LOCAL,
        "colorway:traffic:",
        "colorway:trafic:",
        Line("colorway:trafic: is no known key; did you mean traffic?", at="colorway:trafic"),
    ),
    Case(
        "misspelt traffic.active",
        LOCAL,
        "active: blue",
        "actve: blue",
        Line("colorway:traffic.actve: is no known key; did you mean active?", at="colorway:traffic"),
    ),
    Case(
        "misspelt versions.green",
        LOCAL,
        'green: "2.0.0"',
        'gren: "2.0.0"',
        Line("colorway:versions.gren: is no known key; did you mean green?", at="colorway:versions"),
    ),
    Case(
        "misspelt hosts.address",
        LOCAL,
        "address:",
        "adress:",
        Line("colorway:hosts.0.adress: is no known key; did you mean address?", at="adress"),
    ),
    Case(
        "misspelt release.apply",
        LOCAL,
        "apply: here",
        "aply: here",
        Line("colorway:release.aply: is no known key; did you mean apply?", at="colorway:release"),
    ),
    Case(
        "misspelt override",
        LOCAL,
        "{release: {hot: 5m}}",
        "{relase: {hot: 5m}}",
        Line("colorway:overrides.relase: is no known key; did you mean release?", at="colorway:overrides"),
    ),
    Case(
        "misspelt deep override",
        LOCAL,
        "{release: {hot: 5m}}",
        "{services: {web: {replica: 3}}}",
        Line(
            "colorway:overrides.services.web.replica: is no known key; did you mean replicas?", at="colorway:overrides"
        ),
    ),
    Case(
        "misspelt namespace",
        LOCAL,
        "colorway:network",
        "colourway:network",
        Line("colourway:network: has an unknown namespace; did you mean colorway:network?", at="colourway"),
    ),
    Case(
        "no namespace",
        LOCAL,
        "colorway:network",
        "network",
        Line("network: has no namespace; did you mean colorway:network?", at="network"),
    ),
    Case("misspelt config", LOCAL, "config:", "conf:", Line("conf: is no known key; did you mean config?", at="conf:")),
    Case(
        "config list",
        LOCAL,
        LOCAL_CONFIG,
        "config: [a]\n",
        Line("config: must be a mapping: keys, each with a value", at="config"),
    ),
    Case(
        "plain secret",
        LIVE,
        "secrets:database-password:\n    secure: v1:AAAA:BBBB",
        "secrets:database-password: hunter2",
        Line(
            (
                "secrets:database-password: is in plain text, and git would keep it; remove the line and run "
                "`pulumi config set --secret secrets:database-password --stack live`"
            ),
            at="secrets",
        ),
    ),
    Case(
        "unknown secret",
        LIVE,
        "secrets:database-password",
        "secrets:database-pasword",
        Line("secrets:database-pasword: is no secret of the platform; did you mean database-password?", at="secrets"),
    ),
    Case(
        "domain that is a URL",
        LOCAL,
        "demo.example.com",
        "https://demo.example.com/",
        Line(
            (
                "colorway:domains.main: is no domain name; write small letters, without https:// and without a dot "
                "at the end, for example example.com"
            ),
            at="colorway:domains",
        ),
    ),
    Case(
        "zone that is a domain",
        LIVE,
        "zones: {main: 0123456789abcdef0123456789abcdef}",
        "zones: {main: shop.example.com}",
        Line(
            (
                "colorway:zones.main: is no Cloudflare zone id; copy the 32 hex digits from the zone's overview, in "
                "quotes"
            ),
            at="colorway:zones",
        ),
    ),
    Case(
        "locked down behind nobody",
        LOCAL,
        KEPT,
        f"{KEPT}\n  colorway:lock-down: closed",
        Line(
            "colorway:lock-down: is closed, and Cloudflare proxies no name of the stack; add colorway:zones, or leave "
            "it out",
            at="colorway:lock-down",
        ),
    ),
    Case(
        "unknown lock-down",
        LIVE,
        "colorway:zones:",
        "colorway:lock-down: locked\n  colorway:zones:",
        Line("colorway:lock-down: must be open, ready or closed", at="colorway:lock-down"),
    ),
    Case(
        "certificate before the first one",
        LIVE,
        "colorway:zones:",
        "colorway:lock-down: {certificate: 0}\n  colorway:zones:",
        Line("colorway:lock-down.certificate: must be at least 1", at="colorway:lock-down"),
    ),
    Case(
        "zone that YAML reads as a number",
        LIVE,
        "zones: {main: 0123456789abcdef0123456789abcdef}",
        "zones: {main: 12345678901234567890123456789012}",
        Line("colorway:zones.main: must be text; put numbers and dates in quotes", at="colorway:zones"),
    ),
    Case(
        "zone of a domain that the stack has not",
        LIVE,
        "zones: {main:",
        "zones: {blog:",
        Line(
            "colorway:zones.blog: is no domain of the stack; write one of main, other, or add it to domains",
            at="colorway:zones",
        ),
    ),
    Case(
        "one zone that is two things",
        LIVE,
        "zones: {main: 0123456789abcdef0123456789abcdef}",
        "zones: {main: 0123456789abcdef0123456789abcdef, "
        "other: {id: 0123456789abcdef0123456789abcdef, proxied: false}}",
        Line(
            "colorway:zones.other: is the same zone as main, and says other things of it; say the same in both",
            at="colorway:zones",
        ),
    ),
    Case(
        "zone whose encryption Cloudflare has, and that would protect nothing",
        LIVE,
        "zones: {main: 0123456789abcdef0123456789abcdef}",
        "zones: {main: {id: 0123456789abcdef0123456789abcdef, encryption: flexible}}",
        Line("colorway:zones.main.encryption: must be strict or full", at="colorway:zones"),
    ),
    Case(
        "more rules for redirects than any plan has",
        LIVE,
        "zones: {main: 0123456789abcdef0123456789abcdef}",
        "zones: {main: {id: 0123456789abcdef0123456789abcdef, redirect-rules: 301}}",
        Line("colorway:zones.main.redirect-rules: must be at most 300", at="colorway:zones"),
    ),
    Case(
        "zone, and a load balancer that nobody reaches from outside",
        LIVE,
        "      public-address: 203.0.113.11\n",
        "",
        Line(
            (
                "colorway:zones: give no address to names, since lb1 has no public one; write public-address or "
                "public-ipv6 there, the addresses under which Cloudflare or users reach them"
            ),
            at="colorway:zones",
        ),
    ),
    Case(
        "IPv4 where IPv6 is meant",
        LIVE,
        "      public-address: 203.0.113.11\n",
        "      public-ipv6: 203.0.113.11\n",
        Line(
            (
                "colorway:hosts.0.public-ipv6: is no IPv6 address; write it without brackets and prefix, for example "
                "2001:db8::11"
            ),
            at="      public-ipv6",
        ),
    ),
    Case(
        "no environment",
        LIVE,
        "  colorway:environment: production\n",
        "",
        Line(
            "colorway:environment: is missing: what the stack is for: local, lab, staging or production",
        ),
    ),
    Case(
        "environment misspelt",
        LOCAL,
        "environment: local",
        "environment: dev",
        Line("colorway:environment: must be local, lab, staging or production", at="colorway:environment"),
    ),
    Case(
        "local on other machines",
        LIVE,
        "environment: production",
        "environment: local",
        Line(
            (
                "colorway:hosts: are other machines, and the environment local is this one; "
                "write colorway:environment: lab"
            ),
            at="colorway:hosts",
        ),
    ),
    Case(
        "secrets made up, as it was said before",
        LIVE,
        "  colorway:versions",
        "  colorway:generate-secrets: true\n  colorway:versions",
        Line(
            (
                "colorway:generate-secrets: is no known key; known: architecture, bootstrap, certificates, domains, "
                "environment, hosts, lock-down, maintenance, network, overrides, platform, registries, release, "
                "stores, tls, traffic, versions, zones"
            ),
            at="colorway:generate",
        ),
    ),
    Case(
        "host without key",
        LIVE,
        f"      roles: [load-balancer]\n      host-key: {KEY}\n",
        "      roles: [load-balancer]\n",
        Line(
            (
                "colorway:hosts.0.host-key: is missing, so anyone in between could pose as this host; write "
                "what `ssh-keyscan -t ed25519 ADDRESS` prints, without the address: ssh-ed25519 AAAA…"
            ),
            at="- name",
        ),
    ),
    Case(
        "host key with address",
        LIVE,
        f"roles: [load-balancer]\n      host-key: {KEY}",
        f"roles: [load-balancer]\n      host-key: 10.0.0.11 {KEY}",
        Line(
            (
                "colorway:hosts.0.host-key: is no SSH host key; write what `ssh-keyscan -t ed25519 ADDRESS` "
                "prints, without the address: ssh-ed25519 AAAA…"
            ),
            at="host-key",
        ),
    ),
    Case(
        "even managers",
        LIVE,
        "roles: [load-balancer]",
        "roles: [load-balancer, manager]",
        Line("colorway:hosts: 2 managers tolerate no more failures than 1; use 1, 3 or 5", at="colorway:hosts"),
    ),
    Case(
        "doubled name",
        LIVE,
        "name: app1",
        "name: lb1",
        Line("colorway:hosts.1.name: is also the name of hosts.0; give each its own", at="- name: lb1", nth=2),
    ),
    Case(
        "doubled address",
        LIVE,
        "10.0.0.21",
        "10.0.0.11",
        Line(
            "colorway:hosts.1.address: is also the address of hosts.0; give each its own",
            at="address: 10.0.0.11",
            nth=2,
        ),
    ),
    Case(
        "doubled role",
        LIVE,
        "roles: [load-balancer]",
        "roles: [load-balancer, load-balancer]",
        Line("colorway:hosts.0.roles.1: is listed twice; leave one out", at="roles:"),
    ),
    Case(
        "unknown role",
        LIVE,
        "roles: [load-balancer]",
        "roles: [loadbalancer]",
        Line("colorway:hosts.0.roles.0: must be manager, web, database, load-balancer or monitoring", at="roles:"),
    ),
    Case(
        "missing role",
        LIVE,
        ", monitoring]",
        "]",
        Line("colorway:hosts: no host has the role monitoring; add it to one of them", at="colorway:hosts"),
    ),
    Case(
        "no roles",
        LIVE,
        "roles: [load-balancer]",
        "roles: []",
        Line("colorway:hosts.0.roles: has too few entries; at least 1", at="roles:"),
    ),
    Case(
        "role no list",
        LIVE,
        "roles: [load-balancer]",
        "roles: load-balancer",
        Line("colorway:hosts.0.roles: must be a list: [one, two], or one entry a line, each after a -", at="roles:"),
    ),
    Case(
        "no hosts",
        LOCAL,
        LOCAL_HOSTS,
        "colorway:hosts: []",
        Line("colorway:hosts: has too few entries; at least 1", at="colorway:hosts"),
    ),
    Case(
        "mixed hosts",
        LIVE,
        "address: 10.0.0.11",
        "address: 127.0.0.1",
        Line(
            "colorway:hosts: mix this machine with others; give every host its address in the private network",
            at="colorway:hosts",
        ),
    ),
    Case(
        "address no address",
        LIVE,
        "address: 10.0.0.11",
        "address: lb1.example.com",
        Line("colorway:hosts.0.address: must be an IPv4 address, for example 10.0.0.11", at="address"),
    ),
    Case(
        "address number",
        LIVE,
        "address: 10.0.0.11",
        "address: 10",
        Line("colorway:hosts.0.address: must be an IPv4 address, for example 10.0.0.11", at="address"),
    ),
    Case(
        "user with a space",
        LIVE,
        "user: deploy",
        'user: "de ploy"',
        Line(
            "colorway:hosts.1.user: is no user name; use small letters, digits, _ and -, for example deploy",
            at='user: "de',
        ),
    ),
    Case(
        "port too large",
        LIVE,
        "ssh-port: 2222",
        "ssh-port: 22222222",
        Line("colorway:hosts.1.ssh-port: must be at most 65535", at="ssh-port"),
    ),
    Case(
        "host name with an underscore",
        LIVE,
        "name: app1",
        "name: app_1",
        Line(
            (
                "colorway:hosts.1.name: must be a DNS label: small letters, digits and -, beginning with a "
                "letter, for example web"
            ),
            at="- name: app",
        ),
    ),
    Case(
        "network too small",
        LOCAL,
        "10.90.0.0/16",
        "10.90.0.0/19",
        Line(
            "colorway:network.range: is too small for a stack's networks; write at least a /18, for example "
            "10.90.0.0/16",
            at="colorway:network",
        ),
    ),
    Case(
        "network with host bits",
        LOCAL,
        "10.90.0.0/16",
        "10.90.0.1/16",
        Line(
            "colorway:network.range: must be a network with its prefix and no host bits, for example 10.90.0.0/16",
            at="colorway:network",
        ),
    ),
    Case(
        "network that is not private",
        LOCAL,
        "10.90.0.0/16",
        "0.0.0.0/0",
        Line(
            (
                "colorway:network.range: is not private, and would hide a part of the internet; write for example "
                "10.90.0.0/16"
            ),
            at="colorway:network",
        ),
    ),
    Case(
        "network that contains hosts",
        LIVE,
        "  colorway:versions",
        "  colorway:network: {range: 10.0.0.0/16}\n  colorway:versions",
        Line(
            (
                "colorway:network.range: contains the address of hosts.0, which the overlay would hide; choose a "
                "range that nothing else uses"
            ),
            at="colorway:network",
        ),
    ),
    Case(
        "network as text",
        LOCAL,
        "{range: 10.90.0.0/16}",
        "10.90.0.0/16",
        Line(
            "colorway:network: must be a mapping with the range as a key of it; write for example "
            "{range: 10.90.0.0/16}",
            at="colorway:network",
        ),
    ),
    Case(
        "misspelt key of the network",
        LOCAL,
        "{range: 10.90.0.0/16}",
        "{range: 10.90.0.0/16, encrypt: true}",
        Line("colorway:network.encrypt: is no known key; did you mean encrypted?", at="colorway:network"),
    ),
    Case(
        "encryption in words",
        LOCAL,
        "{range: 10.90.0.0/16}",
        "{range: 10.90.0.0/16, encrypted: esp}",
        Line("colorway:network.encrypted: must be true or false", at="colorway:network"),
    ),
    Case(
        "certificates before the first ones",
        LOCAL,
        "{range: 10.90.0.0/16}",
        "{range: 10.90.0.0/16}\n  colorway:certificates: 0",
        Line("colorway:certificates: must be at least 1", at="colorway:certificates"),
    ),
    Case(
        "ports of hosts that only root may have",
        LOCAL,
        "{range: 10.90.0.0/16}",
        "{range: 10.90.0.0/16, host-ports: 80}",
        Line("colorway:network.host-ports: must be at least 1024", at="host-ports:"),
    ),
    Case(
        "ports of hosts that Swarm publishes by itself",
        LOCAL,
        "{range: 10.90.0.0/16}",
        "{range: 10.90.0.0/16, host-ports: 32001}",
        Line("colorway:network.host-ports: must be at most 32000", at="host-ports:"),
    ),
    Case(
        "MTU that no host has",
        LOCAL,
        "{range: 10.90.0.0/16}",
        "{range: 10.90.0.0/16, mtu: 15000}",
        Line("colorway:network.mtu: must be at most 9216", at="colorway:network"),
    ),
    Case(
        "misspelt key of the bootstrap",
        LOCAL,
        "{range: 10.90.0.0/16}",
        "{range: 10.90.0.0/16}\n  colorway:bootstrap: {firewal: false}",
        Line("colorway:bootstrap.firewal: is no known key; did you mean firewall?", at="colorway:bootstrap"),
    ),
    Case(
        "open port that is none",
        LOCAL,
        "{range: 10.90.0.0/16}",
        "{range: 10.90.0.0/16}\n  colorway:bootstrap: {open: [70000, {port: 53, protocol: dns}]}",
        Line("colorway:bootstrap.open.0: must be at most 65535", at="colorway:bootstrap"),
        Line("colorway:bootstrap.open.1.protocol: must be tcp or udp", at="colorway:bootstrap"),
    ),
    Case(
        "architecture that no image is built for",
        LOCAL,
        "{range: 10.90.0.0/16}",
        "{range: 10.90.0.0/16}\n  colorway:architecture: aarch64",
        Line("colorway:architecture: must be arm64 or amd64", at="colorway:architecture"),
    ),
    Case(
        "more tasks than a data store's network has addresses",
        LOCAL,
        "{range: 10.90.0.0/16}\n  colorway:overrides: {release: {hot: 5m}}",
        "{range: 10.90.0.0/18}\n  colorway:overrides:\n    services:\n"
        "      web: {replicas: 100, uses: [postgres]}\n      api: {replicas: 80, uses: [postgres]}",
        Line(
            "colorway:network.range: is too small for the network store-postgres: that has 512 addresses and needs "
            "739, two for each of 361 tasks (an update starts the new one first), 1 for the hosts, 16 for itself and "
            "one-off commands; write a range of /17 or larger, or fewer replicas",
            at="colorway:network",
        ),
    ),
    Case(
        "unknown apply",
        LOCAL,
        "apply: here",
        "apply: there",
        Line("colorway:release.apply: must be here or ci", at="colorway:release"),
    ),
    Case(
        "local images on another host",
        LOCAL,
        LOCAL_CONFIG,
        LOCAL_CONFIG.replace("environment: local", "environment: staging").replace(
            "address: 127.0.0.1", f"address: 10.0.0.5\n      host-key: {KEY}"
        ),
        Line(
            "colorway:hosts: are not this machine, and the platform's images are built here; use a registry",
            at="colorway:hosts",
        ),
    ),
    Case(
        "override that breaks a rule",
        LOCAL,
        "{release: {hot: 5m}}",
        "{services: {scheduler: {replicas: 2}}}",
        Line(
            (
                "colorway:overrides.services.scheduler.replicas: must be 1 for a scheduler; with more, every "
                "job would be given out several times"
            ),
            at="colorway:overrides",
        ),
    ),
    Case(
        "override that breaks a rule elsewhere",
        LOCAL,
        "{release: {hot: 5m}}",
        "{edge: {http-port: 9090}}",
        Line(
            (
                "colorway:overrides: with these, monitoring.port is also edge.http-port; on a host with both "
                "roles only one can have it, so choose another"
            ),
            at="colorway:overrides",
        ),
    ),
    Case(
        "override that breaks a rule of its parent",
        LOCAL,
        "{release: {hot: 5m}}",
        "{services: {worker: {kind: web}}}",
        Line(
            (
                "colorway:overrides.services.worker.kind: with this, services.worker is a web service "
                "without a port, so nothing could reach it; add for example port: 8000"
            ),
            at="colorway:overrides",
        ),
    ),
    Case(
        "override that leaves out what is not there",
        LOCAL,
        "{release: {hot: 5m}}",
        "{services: {schedular: null}}",
        Line(
            (
                "colorway:overrides.services.schedular: is no service of the platform file, so null says nothing; "
                "did you mean scheduler?"
            ),
            at="colorway:overrides",
        ),
    ),
    Case(
        "override of a version without a manifest",
        LOCAL,
        "{release: {hot: 5m}}",
        '{versions: {"3.0.0": {services: {web: {replicas: 3}}}}}',
        Line(
            "colorway:overrides.versions.3.0.0: is no version with a release manifest; did you mean 2.0.0?",
            at="colorway:overrides",
        ),
    ),
    Case(
        "override of a version that is no mapping",
        LOCAL,
        "{release: {hot: 5m}}",
        '{versions: {"2.0.0": 3}}',
        Line("colorway:overrides.versions.2.0.0: must be a mapping with the key services", at="colorway:overrides"),
    ),
    Case(
        "versions of overrides that are a list",
        LOCAL,
        "{release: {hot: 5m}}",
        "{versions: [1]}",
        Line(
            (
                "colorway:overrides.versions: must be a mapping: versions in quotes, each with its services, "
                'for example {"1.9.0": …}'
            ),
            at="colorway:overrides",
        ),
    ),
    Case(
        "override of a version beside services",
        LOCAL,
        "{release: {hot: 5m}}",
        '{versions: {"2.0.0": {release: {hot: 5m}}}}',
        Line(
            (
                "colorway:overrides.versions.2.0.0.release: belongs to no version; only services do, so write it "
                "under overrides itself"
            ),
            at="colorway:overrides",
        ),
    ),
    Case(
        "override of a version that breaks it",
        LOCAL,
        "{release: {hot: 5m}}",
        '{versions: {"2.0.0": {services: {web: {replicas: 0}}}}}',
        Line("colorway:overrides.versions.2.0.0.services.web.replicas: must be at least 1", at="colorway:overrides"),
    ),
    Case(
        "override of a version that leaves out what is not there",
        LOCAL,
        "{release: {hot: 5m}}",
        '{versions: {"2.0.0": {services: {schedular: null}}}}',
        Line(
            (
                "colorway:overrides.versions.2.0.0.services.schedular: is no service of this version, so null says "
                "nothing; did you mean scheduler?"
            ),
            at="colorway:overrides",
        ),
    ),
    Case(
        "overrides that are a list",
        LOCAL,
        "{release: {hot: 5m}}",
        "[hot, 5m]",
        Line("colorway:overrides: must be a mapping: keys, each with a value", at="colorway:overrides"),
    ),
    Case(
        "override with a bare number",
        LOCAL,
        "{release: {hot: 5m}}",
        "{release: {hot: 5}}",
        Line(
            (
                "colorway:overrides.release.hot: is no duration; write a number with its unit, for example "
                "30s, 1m30s or 500ms"
            ),
            at="colorway:overrides",
        ),
    ),
    Case(
        "empty stack file",
        LOCAL,
        FILES[LOCAL],
        "",
        Line("colorway:environment: is missing: what the stack is for: local, lab, staging or production"),
        Line("colorway:platform: is missing: name of the platform file"),
        Line(
            "colorway:domains: is missing: domains of the stack by name, `main` for one; the load balancers answer for "
            "them and their subdomains"
        ),
        Line("colorway:versions: is missing: the release manifest that each color runs"),
        Line("colorway:traffic: is missing: the one line that a release moves"),
        Line("colorway:hosts: is missing: the machines"),
    ),
    Case(
        "registry of a platform that builds its own images",
        LOCAL,
        "  colorway:network:",
        f"  colorway:registries: {REGISTRY}\n  colorway:network:",
        Line(
            "colorway:registries: are named, and the platform builds its own images; leave them out",
            at="colorway:registries",
        ),
    ),
    Case(
        "registry with a scheme",
        LIVE,
        "{registry.example.com: {",
        '{"https://registry.example.com": {',
        Line(f"colorway:registries.https://registry.example.com: {NO_REGISTRY}", at="colorway:registries"),
    ),
    Case(
        "registry with a path",
        LIVE,
        "{registry.example.com: {",
        "{registry.example.com/team: {",
        Line(f"colorway:registries.registry.example.com/team: {NO_REGISTRY}", at="colorway:registries"),
    ),
    Case(
        "registry that Docker would take for a folder of Docker Hub",
        LIVE,
        "{registry.example.com: {",
        "{registry: {",
        Line(f"colorway:registries.registry: {NO_REGISTRY}", at="colorway:registries"),
    ),
    Case(
        "registry that no image comes from",
        LIVE,
        "{registry.example.com: {",
        "{registry.exmaple.com: {",
        Line(
            "colorway:registries.registry.exmaple.com: is where no image of the platform or of its versions comes from "
            "(Docker Hub's need docker.io/ in front); did you mean registry.example.com?",
            at="colorway:registries",
        ),
    ),
    Case(
        "registry with an unknown key",
        LIVE,
        "{user: deploy",
        "{usr: deploy",
        Line("colorway:registries.registry.example.com.usr: is no known key; did you mean user?", at="usr"),
    ),
    Case(
        "registry without a password",
        LIVE,
        "{user: deploy, password: registry-password}",
        "{user: deploy}",
        Line(
            "colorway:registries.registry.example.com.password: is missing: name of a secret of the stack: "
            "registry-password for `secrets:registry-password`",
            at="colorway:registries",
        ),
    ),
    Case(
        "registry with a user that is two words",
        LIVE,
        "{user: deploy,",
        "{user: deploy me,",
        Line(
            "colorway:registries.registry.example.com.user: must be the registry's name of a user: no spaces and no "
            "colon, for example deploy",
            at="colorway:registries",
        ),
    ),
    Case(
        "registry with the password itself",
        LIVE,
        "password: registry-password",
        'password: "Pa55 word!"',
        Line(
            "colorway:registries.registry.example.com.password: must be the name of a secret, for example "
            "registry-password, and never the password itself, which is set with "
            "`pulumi config set --secret secrets:registry-password`",
            at="colorway:registries",
        ),
    ),
    Case(
        "registry whose password is misspelt",
        LIVE,
        "password: registry-password",
        "password: registry-pasword",
        Line(
            "colorway:registries.registry.example.com.password: names a secret that the stack does not set; did you "
            "mean registry-password?",
            at="colorway:registries",
        ),
    ),
    Case(
        "registry whose password is not set",
        LIVE,
        "  secrets:registry-password:\n    secure: v1:EEEE:FFFF\n",
        "",
        Line(
            "colorway:registries.registry.example.com.password: names a secret that the stack does not set; set that "
            "with `pulumi config set --secret secrets:NAME --stack live`",
            at="colorway:registries",
        ),
    ),
)
