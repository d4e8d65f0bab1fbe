"""The decisions in nginx's text, each with its reason (research/reliability-performance.md §1, design §6)."""

from __future__ import annotations

import re

import pytest

from colorway.render.nginx import DIGEST_LENGTH, generation
from tests.render.cases import CASES, rendered, tree
from tests.support.specs import small_spec

WHOLE = ("blue-100", "green-100", "green-off", "blue-off")


def entries(case, kind, variable):
    """The lines of a map or split_clients that sets a variable."""
    [table] = [block for block in tree(case).all("http", kind) if block.args[1] == variable]
    return [(line.name, *line.args) for line in table.block]


def upstreams(case):
    return {block.args[0]: block for block in tree(case).all("http", "upstream")}


def passing(case):
    """Every location that passes requests on, with the name of its server."""
    return {
        (server.values("server_name")[0], location.args[0]): location
        for server in tree(case).all("http", "server")
        for location in server.all("location")
        if location.values("proxy_pass")
    }


def locations(case):
    """Those that a path leads to."""
    return {where: location for where, location in passing(case).items() if not where[1].startswith("@")}


def test_greens_range_comes_first_so_that_a_share_only_grows():
    assert entries("blue-90", "split_clients", "$colorway_drawn") == [("10%", "green"), ("*", "blue")], (
        "with blue first a user who met green at 10 % could meet blue again at 50 %"
    )
    assert entries("even", "split_clients", "$colorway_drawn")[0] == ("50%", "green")


@pytest.mark.parametrize("case", WHOLE)
def test_a_whole_share_is_a_constant(case):
    assert not list(tree(case).all("http", "split_clients")), "nginx refuses 0% in split_clients"
    color = "blue" if case in {"blue-100", "green-off"} else "green"
    assert entries(case, "map", "$colorway_drawn") == [("default", color)], "everybody meets the one color"


@pytest.mark.parametrize("case", ["blue-90", "even"])
def test_both_shares_are_drawn_from_the_cookie(case):
    [split] = list(tree(case).all("http", "split_clients"))
    assert split.args == ("$rel", "$colorway_drawn"), "one draw for all services: a user meets one color everywhere"
    assert entries(case, "map", "$rel")[-1] == ("default", "$request_id"), (
        "a newcomer is drawn from what becomes the cookie, so the second request meets the same color"
    )


@pytest.mark.parametrize(("case", "off"), [("green-off", "green"), ("blue-off", "blue")])
def test_a_color_that_is_off_has_no_upstream_and_answers_503(case, off):
    assert not [name for name in upstreams(case) if name.endswith(f"_{off}")], "its names resolve to nothing"
    known = [line[0] for line in entries(case, "map", "$colorway_off")]
    assert off not in known, "the color counts as off"
    assert ("default", "1") in entries(case, "map", "$colorway_off"), "whatever is not on is off"
    for where, location in locations(case).items():
        [condition] = list(location.all("if"))
        assert condition.args == ("$colorway_off",), f"{where} passes requests to an upstream that is not there"
        assert condition.values("return") == ["503"], "an honest answer to the secret header"
    assert f"-{off}:" not in rendered(case).text, "no address of a color that is off is looked up"


@pytest.mark.parametrize("case", CASES)
def test_a_get_is_begun_again_where_nginx_has_no_task_left_to_try(case):
    is_split = bool(list(tree(case).all("http", "split_clients")))
    again = {line[0]: line[1] for line in entries(case, "map", "$colorway_again")}
    assert again == ({"blue": "green", "default": "blue"} if is_split else {"default": "$colorway_color"}), (
        "a list of tasks that changed under a request ends its retries: the other color answers, "
        "or without one this color's tasks as they are now"
    )
    assert entries(case, "map", "$colorway_once")[:2] == [("GET", ""), ("HEAD", "")], "all else may have been executed"
    there = passing(case)
    for (server, path), location in locations(case).items():
        [page] = location.values("error_page")
        assert page.startswith("502 = @"), f"{path}: a timeout (504) would double the wait for a color that hangs"
        target = there[server, page.removeprefix("502 = ")]
        [guard] = list(target.all("if"))
        assert guard.args == ("$colorway_once",), f"{path}: a POST is never sent twice"
        assert not target.values("error_page"), f"{path}: begun again once, not for ever"
        for same in ("proxy_read_timeout", "add_header"):
            assert target.values(same) == location.values(same), f"{path}: the same {same} whoever answers"
        [first], [second] = location.values("proxy_pass"), target.values("proxy_pass")
        assert second == first.replace("$colorway_color", "$colorway_again"), f"{path}: the same service"


@pytest.mark.parametrize("case", CASES)
def test_the_other_color_is_a_backup_only_while_both_have_users(case):
    is_split = bool(list(tree(case).all("http", "split_clients")))
    for name, upstream in upstreams(case).items():
        servers = upstream.values("server")
        backups = [server for server in servers if "backup" in server]
        assert len(backups) == is_split, (
            f"{name}: at 0 % nobody may meet the idle color; between, a crash of one color must not be seen"
        )
        color = name.rsplit("_", 1)[1]
        assert re.fullmatch(rf"[a-z]+-{color}:\d+ .*", servers[0]), f"{name} prefers its own color's tasks"
        assert all(f"-{color}:" not in backup for backup in backups), f"{name}: the backup is the other color"


@pytest.mark.parametrize("case", CASES)
def test_every_upstream_follows_its_tasks(case):
    assert tree(case).values("http", "resolver") == ["127.0.0.11 valid=1s ipv6=off"], (
        "Docker's answers live for 600 s, and Swarm gives two seconds between DNS and the stop signal"
    )
    assert upstreams(case), "something is routed"
    for name, upstream in upstreams(case).items():
        assert upstream.values("zone") == [f"{name} 256k"], "`resolve` needs a zone"
        assert all("resolve" in server.split() for server in upstream.values("server")), (
            f"{name}: an address that is resolved once at the start sent 70 % of the requests nowhere"
        )
        kept = int(upstream.values("keepalive_timeout")[0].removesuffix("s"))
        assert kept <= 4, "nginx must close idle connections before any application does (the usual limit is 5 s)"


@pytest.mark.parametrize("case", CASES)
def test_newcomers_get_a_cookie_except_where_a_cdn_may_keep_the_answer(case):
    for (server, path), location in locations(case).items():
        cookies = [value for value in location.values("add_header") if value.startswith("Set-Cookie")]
        if path == "/static/":
            assert not cookies, f"{server}{path}: a kept answer would give all users the same cookie"
        else:
            assert cookies == ["Set-Cookie $rel_cookie always"], f"{server}{path}: a newcomer has to become sticky"
    assert not [
        header
        for server in tree(case).all("http", "server")
        for header in server.values("add_header")
        if "Cookie" in header
    ], "a cookie on a server reaches its cacheable locations, too"


def test_a_cookie_is_set_once_and_only_believed_in_our_own_form():
    lines = dict(entry[:2] for entry in entries("blue-90", "map", "$rel_cookie"))
    assert lines["~^[0-9a-f]{32}$"] == "", "an empty value adds no header: whoever has one gets no second"
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(re.split("; ", lines["default"])), (
        "the cookie is nobody else's business"
    )
    assert dict(entry[:2] for entry in entries("blue-90", "map", "$rel"))["~^[0-9a-f]{32}$"] == "$cookie_rel", (
        "a made-up cookie value would choose a color"
    )


@pytest.mark.parametrize("case", CASES)
def test_a_request_is_never_sent_twice_where_it_could_count_twice(case):
    retried = [directive.args for directive in tree(case).deep("proxy_next_upstream")]
    assert retried == [("error", "timeout")], (
        "non_idempotent executed 25 POSTs twice; http_5xx hides a sick color from its verdict"
    )
    assert "non_idempotent" not in rendered(case).text, "not in any place or comment that could be switched on"


@pytest.mark.parametrize("case", CASES)
def test_a_reload_loses_nothing_that_is_in_flight(case):
    seconds = int(tree(case).values("worker_shutdown_timeout")[0].removesuffix("s"))
    longest = CASES[case]().longest_request.total_seconds()
    assert seconds >= max(longest, 75), "an old worker is not ended while the longest request runs"
    assert tree(case).values("http", "keepalive_min_timeout") == ["10s"], (
        "without it a reload resets connections on which a request is already on its way"
    )


def test_a_worker_has_a_file_for_every_connection_and_asks_for_no_more_than_hosts_allow():
    [files] = tree("blue-90").values("worker_rlimit_nofile")
    [connections] = tree("blue-90").values("events", "worker_connections")
    assert 2 * int(connections) <= int(files) <= 20_000, "above the host's own limit the setting has no effect at all"


def test_workers_may_outlive_a_reload_as_long_as_the_longest_request():
    spec = small_spec(overrides={"services": {"api": {"longest-request": "3m"}}})
    assert "worker_shutdown_timeout 180s;" in generation(spec).text, "75 s would cut a request of three minutes"


def test_each_route_waits_as_long_as_its_service_may_need():
    waits = {path: location.values("proxy_read_timeout") for (_, path), location in locations("blue-90").items()}
    assert waits["/api/"] == ["40s"]
    assert waits["/static/"] == ["30s"]


def test_the_cookie_does_not_take_away_the_headers_of_the_server():
    for server in tree("blue-90").all("http", "server"):
        if server.values("location", "proxy_pass"):
            assert server.values("add_header_inherit") == ["merge"], (
                "a location with add_header of its own loses HSTS and all others otherwise"
            )
            assert any("Strict-Transport-Security" in header for header in server.values("add_header"))
            assert "X-Frame-Options DENY always" in server.values("add_header")


@pytest.mark.parametrize("case", CASES)
def test_the_secret_token_is_only_included(case):
    assert entries(case, "map", "$colorway_preview") == [
        ("include", "/run/secrets/preview-token"),
        ("default", ""),
    ], "one secret in the text turns the whole diff of a preview into [secret]"
    assert 'proxy_set_header X-Colorway-Preview "";' in rendered(case).text, "the token stays out of applications"


def test_who_has_no_token_meets_the_drawn_color():
    assert entries("blue-90", "map", "$colorway_color") == [
        ("", "$colorway_drawn"),
        ("default", "$colorway_preview"),
    ], "an unknown token counts as none"


@pytest.mark.parametrize("case", CASES)
def test_the_log_is_a_file_and_tells_attempts(case):
    log = " ".join(tree(case).values("http", "access_log"))
    assert log.startswith("/etc/colorway/run/access.log"), "a pipe blocks nginx, and datagrams lose lines"
    assert "buffer=64k flush=250ms" in log, "a write for each line is dear; a line that waits for long is no figure yet"
    text = " ".join(tree(case).values("http", "log_format"))
    for variable in ("$upstream_addr", "$upstream_status", "$upstream_response_time", "$colorway_color"):
        assert variable in text, f"{variable}: a verdict on $status alone takes a dead green for healthy"


def test_only_the_networks_of_the_cdn_may_name_the_client():
    assert tree("blue-90").values("http", "set_real_ip_from") == ["198.51.100.0/24"]
    assert tree("virtual-hosts").values("http", "set_real_ip_from") == []
    assert tree("virtual-hosts").values("http", "real_ip_header") == [], "nobody is believed, so no header is read"


def test_the_status_server_is_reachable_from_the_container_only():
    [status] = [
        server for server in tree("blue-90").all("http", "server") if "127.0.0.1:8081" in server.values("listen")
    ]
    assert status.values("keepalive_timeout") == ["0"], "a kept connection would ask the old worker for ever"
    answers = {location.args[-1]: location.values("return") for location in status.all("location")}
    assert answers["/generation"] == [f"200 {rendered('blue-90').digest}"], "what apply and status read back"


def test_a_host_name_gets_a_server_of_its_own_and_unknown_ones_get_the_first():
    servers = {
        server.values("server_name")[0]: server.values("listen")
        for server in tree("virtual-hosts").all("http", "server")
        if server.values("location", "proxy_pass")
    }
    assert servers == {
        "example.com *.example.com _": ["443 ssl default_server"],
        "portal.example.com": ["443 ssl"],
        "shop.example.com": ["443 ssl"],
    }, "the platform's own name answers whoever asks for none"
    routes = {place: loc.values("proxy_pass")[0] for place, loc in locations("virtual-hosts").items()}
    assert routes["shop.example.com", "/v2/"] == "http://api_$colorway_color"
    assert routes["shop.example.com", "/"] == "http://shop_$colorway_color"
    assert routes["portal.example.com", "/"] == "http://api_$colorway_color"


def test_http_is_sent_to_the_port_that_serves():
    [plain] = [
        server
        for server in tree("virtual-hosts").all("http", "server")
        if "80 default_server" in server.values("listen")
    ]
    assert plain.values("return") == ["308 https://$host:8443$request_uri"], "308 keeps the method of a POST"


def test_the_same_spec_has_the_same_digest():
    first, second = generation(small_spec(traffic="90:10")), generation(small_spec(traffic="90:10"))
    assert first == second, "a second `up` would reload all load balancers otherwise"
    assert re.fullmatch(rf"[0-9a-f]{{{DIGEST_LENGTH}}}", first.digest)
    assert first.text.startswith(f"# colorway generation {first.digest} blue green\n"), (
        "the scripts read hash and colors from the first line"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"traffic": "89:11"},
        {"traffic": "0:100"},
        {"versions": {"blue": "1.0.0", "green": None}, "traffic": "100:0"},
        {"settings": {"domains": {"main": "example.org"}}},
        {"overrides": {"services": {"api": {"port": 9001}}}},
        {"overrides": {"services": {"api": {"longest-request": "41s"}}}},
        {"overrides": {"edge": {"headers": {"X-Frame-Options": "SAMEORIGIN"}}}},
        {"overrides": {"edge": {"longest-body": 21}}},
        {"overrides": {"edge": {"keepalive-min-timeout": "11s"}}},
    ],
    ids=str,
)
def test_every_change_of_the_text_has_another_digest(changed):
    before = generation(small_spec(traffic="90:10"))
    after = generation(small_spec(**{"traffic": "90:10", **changed}))
    assert before.text != after.text, "the change reaches nginx"
    assert before.digest != after.digest, "two texts with one name: the old one would stay live"


@pytest.mark.parametrize(
    "changed",
    [
        {"versions": {"blue": "1.0.0", "green": "2.0.1"}},
        {"overrides": {"services": {"shop": {"replicas": 5}}}},
        {"traffic": "100:0", "overrides": {"services": {"shop": {"env": {"LOG_LEVEL": "debug"}}}}},
    ],
    ids=str,
)
def test_what_nginx_does_not_serve_leaves_it_alone(changed):
    assert generation(small_spec()).digest == generation(small_spec(**changed)).digest, (
        "a new version of the idle color must not reload the load balancers"
    )
