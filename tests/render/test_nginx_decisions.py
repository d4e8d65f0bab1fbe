"""The decisions in nginx's text, each with its reason (research/reliability-performance.md §1, design §6)."""

from __future__ import annotations

import re

import pytest

from colorway.render.cloudflare import cloudflare_ranges
from colorway.render.nginx import DIGEST_LENGTH, generation
from tests.render.cases import CASES, EVERY_FORM, rendered, tree
from tests.render.nginx_text import read
from tests.support.specs import MAIL, REMOTE_HOSTS, small_spec

PORTAL = "portal.example.com"
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
        (server.values("server_name")[0], location.args[-1]): location
        for server in tree(case).all("http", "server")
        for location in server.all("location")
        if location.values("proxy_pass")
    }


def locations(case):
    """Those that a path leads to."""
    return {where: location for where, location in passing(case).items() if not where[1].startswith("@")}


def again_of(location):
    """The location in which a request is begun again."""
    [page] = [page for page in location.values("error_page") if page.startswith("502 = ")]
    return page.removeprefix("502 = ")


def is_split(case):
    """Whether both colors have users."""
    return CASES[case]().settings.traffic.is_split


@pytest.mark.parametrize("case", CASES)
def test_a_client_has_one_of_a_hundred_buckets_as_its_cookie_says_or_as_it_is_drawn(case):
    cookie = f"$cookie_rel_{CASES[case]().stack.replace('-', '_')}"
    [drawn] = list(tree(case).all("http", "split_clients"))
    draws = [(line.name, *line.args) for line in drawn.block]
    assert draws == [*(("1%", str(bucket)) for bucket in range(99)), ("*", "99")], "all are equally likely"
    own = "$request_id" if case == "versions" else "$colorway_client $http_user_agent"
    assert drawn.args == (own, "$colorway_drawn"), "who sends no cookie meets one color while address and agent stay"
    [kept] = [block for block in tree(case).all("http", "map") if block.args[1] == "$colorway_kept"]
    assert kept.args[0] == cookie, "a browser sends production's cookie to staging's host names, too"
    assert entries(case, "map", "$colorway_kept") == [
        *((str(bucket), str(bucket)) for bucket in range(100)),
        ("default", ""),
    ], "cookie and draw agree; what is no bucket counts as none"
    assert entries(case, "map", "$colorway_bucket") == [("", "$colorway_drawn"), ("default", "$colorway_kept")]


def test_an_ipv6_address_counts_as_its_half_that_stays():
    assert entries("even", "map", "$colorway_client") == [
        ("~(?s)^(?<half>.{8}).{8}$", "$half"),
        ("default", "$binary_remote_addr"),
    ], "privacy extensions change the other half every day, and the client its color"


def test_greens_buckets_come_first_so_that_a_share_only_grows():
    def green(case):
        return [int(line[0]) for line in entries(case, "map", "$colorway_split") if line[1] == "green"]

    assert green("blue-90") == list(range(10))
    assert green("even") == list(range(50)), "who is on green at 10 % is on green at 50 %"
    assert entries("even", "map", "$colorway_split")[-1] == ("default", "blue")


def test_both_colors_lead_to_a_shared_service_and_nobody_stands_in_for_it():
    [mail] = [block for name, block in upstreams("shared").items() if name.startswith("mail")]
    assert mail.args == ("mail_shared",)
    assert mail.values("server") == ["mail:8025 resolve max_fails=0"], "by its name in `shared`, without a backup"
    led = {
        where[1]: found for where, found in passing("shared").items() if "http://mail" in found.values("proxy_pass")[0]
    }
    assert [path for path in led if not path.startswith("@")] == ["/.colorway/blue/mail/", "/.colorway/green/mail/"]
    assert {found.values("proxy_pass")[0] for found in led.values()} == {"http://mail_shared$request_uri"}, (
        "whatever color a cookie says, the same tasks answer"
    )


def test_a_color_that_is_off_takes_no_shared_service_with_it():
    spec = small_spec(versions={"blue": "1.0.0", "green": None}, overrides={"services": {"mail": MAIL}})
    text = generation(spec).text
    assert "location /.colorway/blue/mail/" in text
    assert "location /.colorway/green/mail/" not in text, "its secret header answers 503"


@pytest.mark.parametrize("case", WHOLE)
def test_a_whole_share_is_a_constant(case):
    color = "blue" if case in {"blue-100", "green-off"} else "green"
    assert entries(case, "map", "$colorway_split") == [("default", color)], "everybody meets the one color"


@pytest.mark.parametrize(("case", "off"), [("green-off", "green"), ("blue-off", "blue")])
def test_a_color_that_is_off_has_no_upstream_and_answers_503(case, off):
    assert not [name for name in upstreams(case) if name.endswith(f"_{off}")], "its names resolve to nothing"
    there = [
        location
        for server in tree(case).all("http", "server")
        for location in server.all("location")
        if location.args[0].startswith(f"/.colorway/{off}/")
    ]
    assert {(location.args[0], *location.values("return")) for location in there} == {(f"/.colorway/{off}/", "503")}, (
        "an honest answer to the secret header"
    )
    assert f"-{off}:" not in rendered(case).text, "no address of a color that is off is looked up"


@pytest.mark.parametrize("case", CASES)
def test_a_color_s_locations_are_reached_through_the_rewrite_alone(case):
    for server in tree(case).all("http", "server"):
        if not server.values("rewrite"):
            continue
        assert server.values("rewrite") == ["^ /.colorway/$colorway_color$uri last"], "the server picks the color"
        for location in server.all("location"):
            path = location.args[-1]
            assert path.startswith("@") or list(location.all("internal")), f"{path} could be asked for from outside"
        for color in CASES[case]().colors_on:
            hidden = [one for one in server.all("location") if one.args == (f"/.colorway/{color}/.colorway/",)]
            assert [one.values("return") for one in hidden] == [["404"]], "what looks like one of them is no route"


@pytest.mark.parametrize("case", CASES)
def test_targets_get_the_path_as_it_was_sent(case):
    made_of_it = {table.args[1] for table in tree(case).all("http", "map") if table.args[0] == "$request_uri"}
    for where, location in passing(case).items():
        [target] = location.values("proxy_pass")
        path = target[target.index("$") :]
        assert path in {"$request_uri", *made_of_it}, f"{where}: a rewritten path would have its %2F decoded"


def test_a_route_of_one_version_is_none_in_the_other():
    there = {path for server, path in locations("versions") if server == "example.com *.example.com"}
    assert "/.colorway/green/events" in there
    assert "/.colorway/blue/events" not in there, "blue's version does not know it"
    assert "/.colorway/blue/static/" in there
    assert "/.colorway/green/static/" not in there
    [portal] = [one for one in tree("versions").all("http", "server") if one.values("server_name") == [PORTAL]]
    [nothing] = [one for one in portal.all("location") if one.args == ("/.colorway/green/",)]
    assert nothing.values("return") == ["404"], "a name that only blue has"
    servers = {name: upstream.values("server") for name, upstream in upstreams("versions").items()}
    assert servers["api_green"] == [
        "api-green:9001 resolve max_fails=0",
        "api-blue:9000 resolve backup max_fails=0",
    ], "each at the port of its own version"
    assert servers["shop.alone_green"] == ["shop-green:8000 resolve max_fails=0"]
    [target] = locations("versions")["example.com *.example.com", "/.colorway/green/events"].values("proxy_pass")
    assert target == "http://shop.alone_green$request_uri", "blue as a backup would answer it with 404"
    [target] = locations("versions")["example.com *.example.com", "/.colorway/green/"].values("proxy_pass")
    assert target == "http://shop_green$request_uri", "what both have is still answered by the other"


@pytest.mark.parametrize("case", CASES)
def test_a_folder_without_its_last_slash_is_no_other_place(case):
    bare = {
        location.args[1]: location.values("return")[0]
        for location in tree(case).deep("location")
        if location.args[0] == "=" and location.args[1].startswith("/.colorway/") and location.values("return")
    }
    for server, path in locations(case):
        if path.endswith("/") and path.count("/") > len("///") and (server, path[:-1]) not in locations(case):
            assert bare[path.removesuffix("/")] == f"308 /{path.split('/', 3)[3]}$is_args$args", (
                "nginx's own redirect would show the internal path"
            )


@pytest.mark.parametrize("case", CASES)
def test_a_get_is_begun_again_where_nginx_has_no_task_left_to_try(case):
    assert entries(case, "map", "$colorway_once") == [
        (r"~^(?:GET|HEAD) [0-4]\.", ""),
        ("default", "1"),
    ], "all else may have been executed, and what took long is not begun anew"
    there = passing(case)
    for (server, path), location in locations(case).items():
        target = there[server, again_of(location)]
        assert not [page for page in location.values("error_page") if "504" in page and "@again" in page], (
            f"{path}: a timeout (504) would double the wait for a color that hangs"
        )
        [guard] = list(target.all("if"))
        assert guard.args == ("$colorway_once",), f"{path}: a POST is never sent twice"
        assert not target.values("error_page"), f"{path}: begun again once, not for ever"
        for same in ("proxy_read_timeout", "proxy_next_upstream_timeout", "add_header", "proxy_buffering"):
            assert target.values(same) == location.values(same), f"{path}: the same {same} whoever answers"
        [first], [second] = location.values("proxy_pass"), target.values("proxy_pass")
        color = path.split("/")[2]
        if case in {"blue-90", "even"}:
            other = "green" if color == "blue" else "blue"
            assert second == first.replace(f"_{color}$", f"_{other}$"), "the other color answers"
        elif not is_split(case):
            assert second == first, "without another one this color's tasks as they are now"


def test_a_route_that_the_other_version_has_not_is_begun_again_at_its_own_color():
    def again(path):
        server = "example.com *.example.com"
        return passing("versions")[server, again_of(locations("versions")[server, path])].values("proxy_pass")

    assert again("/.colorway/green/events") == ["http://shop.alone_green$request_uri"], "blue would answer 404"
    assert again("/.colorway/green/") == ["http://shop_blue$request_uri"]


@pytest.mark.parametrize("case", CASES)
def test_the_other_color_is_a_backup_only_while_both_have_users(case):
    for name, upstream in upstreams(case).items():
        if name.endswith("_shared"):
            continue
        servers = upstream.values("server")
        backups = [server for server in servers if "backup" in server]
        assert len(backups) == (is_split(case) and ".alone_" not in name), (
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
        assert all("max_fails=0" in server.split() for server in upstream.values("server")), (
            f"{name}: a path that answers a header of 40 KB would put the task out for everybody (faults C2)"
        )
        kept = int(upstream.values("keepalive_timeout")[0].removesuffix("s"))
        assert kept <= 4, "nginx must close idle connections before any application does (the usual limit is 5 s)"


@pytest.mark.parametrize("case", CASES)
def test_newcomers_get_a_cookie_except_where_a_cdn_may_keep_the_answer(case):
    for (server, path), location in locations(case).items():
        cookies = [value for value in location.values("add_header") if value.startswith("Set-Cookie")]
        if path.endswith(("/static/", "/assets/")):
            assert not cookies, f"{server}{path}: a kept answer would give all users the same cookie"
        else:
            assert cookies == ["Set-Cookie $colorway_cookie always"], f"{server}{path}: a newcomer has to become sticky"
    assert not [
        header
        for server in tree(case).all("http", "server")
        for header in server.values("add_header")
        if "Cookie" in header
    ], "a cookie on a server reaches its cacheable locations, too"


def test_a_cookie_is_the_bucket_that_was_used_and_is_set_once():
    lines = dict(entry[:2] for entry in entries("blue-90", "map", "$colorway_cookie"))
    assert lines["default"] == "", "an empty value adds no header: whoever has one gets no second"
    name, *rest = re.split("; ", lines[""])
    assert name == "rel_test=$colorway_bucket", "the second request meets the color of the first"
    assert {"Secure", "HttpOnly", "SameSite=Lax$colorway_cookie_domain", "Path=/"} <= set(rest), (
        "the cookie is nobody else's business"
    )


def test_a_cookie_holds_under_every_name_of_its_domain():
    assert entries("versions", "map", "$colorway_cookie_domain") == [
        ("hostnames",),
        (".example.com", "; Domain=example.com"),
        (".example.org", "; Domain=example.org"),
        (".below.example.com", "; Domain=example.com"),
        ("default", ""),
    ], "of two domains that lie in each other the upper: a browser would send two cookies of one name otherwise"


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
    longest = CASES[case]().longest_wait.total_seconds()
    assert seconds >= max(longest, 75), "an old worker is not ended while the longest request and its retries run"
    assert tree(case).values("http", "keepalive_min_timeout") == ["10s"], (
        "without it a reload resets connections on which a request is already on its way"
    )


def test_a_worker_has_a_file_for_every_connection_and_asks_for_no_more_than_hosts_allow():
    [files] = tree("blue-90").values("worker_rlimit_nofile")
    [connections] = tree("blue-90").values("events", "worker_connections")
    assert 2 * int(connections) <= int(files) <= 20_000, "above the host's own limit the setting has no effect at all"


def test_workers_may_outlive_a_reload_as_long_as_the_longest_request():
    spec = small_spec(overrides={"services": {"api": {"longest-request": "3m"}}})
    assert "worker_shutdown_timeout 190s;" in generation(spec).text, "75 s would cut a request of three minutes"


def test_each_route_waits_as_long_as_its_service_may_need_and_retries_within_one_time():
    def said(directive):
        return {path: location.values(directive) for (_, path), location in locations("versions").items()}

    assert said("proxy_read_timeout")["/.colorway/blue/api/"] == ["40s"]
    assert said("proxy_read_timeout")["/.colorway/green/api/"] == ["3s"], "as its own version says"
    assert said("proxy_next_upstream_timeout")["/.colorway/blue/api/"] == ["5s"]
    assert said("proxy_next_upstream_timeout")["/.colorway/green/api/"] == ["3s"], (
        "a GET past its limit ran three times and answered after three times the limit (faults C4)"
    )


def test_the_drain_reckons_with_retries():
    assert small_spec().drain.total_seconds() == 10 + 1 + 5 + 5 + 40, "two rounds of retries, then the longest request"


def test_what_is_streamed_is_not_buffered():
    server = "example.com *.example.com"
    place = locations("versions")[server, "/.colorway/green/events"]
    assert place.values("proxy_buffering") == ["off"]
    assert place.values("proxy_request_buffering") == ["off"]
    assert not locations("versions")[server, "/.colorway/green/"].values("proxy_buffering"), (
        "all else is: a slow client must not hold a task"
    )


def test_bodies_lie_on_the_disk_of_the_host_and_have_room_there():
    assert tree("even").values("http", "client_body_temp_path") == ["/etc/colorway/buffer/body"]
    assert tree("even").values("http", "proxy_temp_path") == ["/etc/colorway/buffer/proxy"]
    spec = small_spec(overrides={"edge": {"longest-body": 90, "body-space": "2Gi"}})
    limits = [line.strip() for line in generation(spec).text.splitlines() if line.strip().startswith("limit_conn ")]
    assert limits == ["limit_conn bodies 22;", "limit_conn bodies_of 8;"], "22 of 90 MiB fit into 2 GiB"


@pytest.mark.parametrize("case", CASES)
def test_headers_of_32_kb_pass_both_ways(case):
    assert tree(case).values("http", "large_client_header_buffers") == ["4 32k"], "cookies, and a long request line"
    assert tree(case).values("http", "proxy_buffer_size") == ["32k"], "Laravel and Next.js answer cookies of 8 KB"


@pytest.mark.parametrize("case", CASES)
def test_nothing_that_a_client_says_of_itself_reaches_an_application(case):
    sent = {directive.args[0]: directive.args[1] for directive in tree(case).all("http", "proxy_set_header")}
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "Forwarded"):
        assert "$http_" not in sent[name], f"{name}: a client's own word would pass (faults C5)"
        assert "$proxy_add" not in sent[name], f"{name}: a client's own word would pass"
    assert sent["Host"] == sent["X-Forwarded-Host"] == "$host$is_request_port$request_port", (
        "an application's redirect on :8443 loses the port otherwise"
    )


def test_a_trusted_proxy_stands_in_the_chain():
    assert dict(entry[:2] for entry in entries("versions", "map", "$colorway_for")) == {
        "1": "$remote_addr, $realip_remote_addr",
        "default": "$remote_addr",
    }
    [trusted] = list(tree("versions").all("http", "geo"))
    assert [line.name for line in trusted.block] == ["198.51.100.0/24", "2001:db8::/32", "default"]
    assert not list(tree("virtual-hosts").all("http", "geo")), "nobody is trusted"


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
        ("", ""),
        ("include", "/etc/colorway/secrets/current/preview.conf"),
        ("default", ""),
    ], "one secret in the text turns the whole diff of a preview into [secret]"
    assert 'proxy_set_header X-Colorway-Preview "";' in rendered(case).text, "the token stays out of applications"


def test_who_has_no_token_meets_the_drawn_color():
    assert entries("blue-90", "map", "$colorway_color") == [
        ("", "$colorway_split"),
        ("users", "$colorway_split"),
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
    assert tree("versions").values("http", "set_real_ip_from") == ["198.51.100.0/24", "2001:db8::/32"]
    assert tree("locked-down").values("http", "set_real_ip_from") == list(map(str, cloudflare_ranges()))
    assert tree("virtual-hosts").values("http", "set_real_ip_from") == []
    assert tree("virtual-hosts").values("http", "real_ip_header") == [], "nobody is believed, so no header is read"


def test_each_name_behind_cloudflare_asks_for_its_certificate_before_all_else():
    servers = [one for one in tree("locked-down").all("http", "server") if one.values("location", "proxy_pass")]
    assert len(servers) == 2
    for server in servers:
        assert server.values("ssl_client_certificate") == ["/etc/colorway/secrets/current/origin-ca.pem"]
        assert server.values("ssl_verify_client") == ["optional_no_ca"], "the token leads past it; a map refuses"
        first = next(one for one in server.block if one.name in {"if", "rewrite"})
        assert (first.name, first.args) == ("if", ("$colorway_past",)), "a page of maintenance is an answer, too"
    assert entries("locked-down", "map", "$colorway_past")[-1] == ("default", "1"), "what is not known is refused"


def test_nobody_is_asked_for_a_certificate_where_cloudflare_shows_none():
    for case in sorted(CASES.keys() - {"locked-down", "cdn", "cdn-split"}):
        assert "ssl_client_certificate" not in rendered(case).text


def test_the_status_server_is_reachable_from_the_container_only():
    [status] = [
        server for server in tree("blue-90").all("http", "server") if "127.0.0.1:8081" in server.values("listen")
    ]
    assert status.values("keepalive_timeout") == ["0"], "a kept connection would ask the old worker for ever"
    answers = {location.args[-1]: location.values("return") for location in status.all("location")}
    assert answers["/generation"] == [f"200 {rendered('blue-90').digest}"], "what apply and status read back"


def test_a_host_name_gets_a_server_of_its_own_and_this_machine_answers_to_any():
    servers = {
        server.values("server_name")[0]: server.values("listen")
        for server in tree("virtual-hosts").all("http", "server")
        if server.values("location", "proxy_pass")
    }
    assert servers == {
        "example.com *.example.com": ["443 ssl default_server"],
        "portal.example.com": ["443 ssl"],
        "shop.example.com": ["443 ssl"],
    }, "the platform's own name answers https://127.0.0.1:8443, too: nobody gave this machine a name"
    routes = {place: loc.values("proxy_pass")[0] for place, loc in locations("virtual-hosts").items()}
    assert routes["shop.example.com", "/.colorway/blue/v2/"] == "http://api_blue$request_uri"
    assert routes["shop.example.com", "/.colorway/blue/"] == "http://shop_blue$request_uri"
    assert routes["portal.example.com", "/.colorway/blue/"] == "http://api_blue$request_uri"


def test_names_that_are_none_of_the_platform_s_are_refused():
    servers = list(tree("versions").all("http", "server"))
    [tls] = [server for server in servers if "443 ssl default_server" in server.values("listen")]
    assert tls.values("ssl_reject_handshake") == ["on"], "no page, and no certificate that tells the platform's names"
    assert tls.values("return") == ["421"], "the handshake's name was known, the request's is not"
    [plain] = [server for server in servers if "80 default_server" in server.values("listen")]
    assert plain.values("return") == ["444"]
    [known] = [server for server in servers if "80" in server.values("listen")]
    assert known.values("server_name") == ["example.com *.example.com portal.example.com example.org *.example.org"], (
        "every name of every domain that has a route"
    )


@pytest.mark.parametrize("case", CASES)
def test_every_server_listens_on_ipv6_where_the_kernel_has_it(case):
    for server in tree(case).all("http", "server"):
        for listen in server.values("listen"):
            if "127.0.0.1" in listen:
                continue
            port, default = listen.split()[0], "default-" if "default_server" in listen else ""
            assert server.values("include") == [f"/etc/colorway/run/listen-{default}{port}-*.conf"], (
                "a pattern that finds nothing is no error"
            )


def test_http_is_sent_to_the_port_that_serves():
    [plain] = [
        server
        for server in tree("virtual-hosts").all("http", "server")
        if "80 default_server" in server.values("listen")
    ]
    assert plain.values("return") == ["308 https://$host:8443$request_uri"], "308 keeps the method of a POST"


def test_texts_are_compressed_and_pictures_are_not():
    [types] = tree("even").values("http", "gzip_types")
    assert {"text/css", "application/json", "application/javascript", "image/svg+xml"} <= set(types.split())
    assert not {"image/png", "image/jpeg", "text/event-stream"} & set(types.split()), (
        "compressed already, or waiting in a buffer"
    )
    assert tree("even").values("http", "gzip_vary") == ["on"], "a cache must not give it to who cannot read it"


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
        {"settings": {"domains": {"main": "example.com", "other": "example.org"}}},
        {"overrides": {"edge": {"hsts": {"max-age": "0s"}}}},
        {"overrides": {"edge": {"body-space": "5Gi"}}},
        {"overrides": {"edge": {"draw": "visit"}}},
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


@pytest.mark.parametrize("name", ["$colorway_body", "$colorway_kept", "$colorway_preview"])
def test_no_pattern_is_matched_for_most_requests(name):
    exact = [entry[0] for entry in entries("even", "map", name) if not entry[0].startswith(("~", "default", "include"))]
    usual = {"$colorway_body": {"GET ", "HEAD "}, "$colorway_kept": {"0", "99"}, "$colorway_preview": {""}}
    assert usual[name] <= set(exact), "a value that stands there is found at once; patterns are for the rest"


def test_no_variable_is_what_two_tables_make_of_it():
    """Nginx takes the second table without a word, and what asked the first one is answered by it."""
    every = small_spec(
        traffic="90:10",
        hosts=REMOTE_HOSTS,
        settings={"maintenance": {"everything": "Back at 14:00 UTC."}},
        overrides={
            "services": {"shop": {"routes": EVERY_FORM}},
            "edge": {"maintenance-secret": "cache-password", "real-ip-from": ["198.51.100.0/24"]},
        },
    )
    http = read(generation(every).text)
    tables = [one.args[-1] for kind in ("map", "geo", "split_clients") for one in http.all("http", kind)]
    assert len(tables) > 30, "or this test reads none"
    assert sorted(tables) == sorted(set(tables))
