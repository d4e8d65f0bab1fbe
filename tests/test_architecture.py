"""The rules of the house, tested on the house and, so that they are known to bite, on small houses that break them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("colorway", "components", "offline_plugins", "policy")
LONGEST_MODULE = 400
SHORTEST_MODULE = 60
MOST_MODULES = 15
SHORT_FOR_A_REASON = {
    "__main__": "the platform's table of contents",
    "colorway.__main__": "python -m colorway",
    "colorway.config.engine_text": "what both readers of a stack's settings undo, of which one must not know pulumi",
    "colorway.data.store_line": "one line of the stack's file; colorway.release.plan.line knows how lines are written",
    "colorway.errors": "what every room may import",
    "colorway.render.answering": "what nginx's text and mtail's share",
    "colorway.render.monitoring": "one text, beside nginx's",
    "colorway.render.templates": "what all texts share",
    "colorway.spec.monitoring": "a tier of its own, that will grow",
    "colorway.spec.stores.mariadb": "one kind of store, that will grow",
    "colorway.spec.stores.postgresql": "one kind of store, that will grow",
    "colorway.spec.stores.redis": "two kinds of store, that will grow",
    "colorway.machine.turns": "what every room that fills the cache shares",
    "components.entry": "entry scripts of containers, for every tier",
    "components.hosts": "a tier of its own, that will grow",
    "components.networks": "a tier of its own, that will grow",
    "components.dns.sdk": "must be loaded before everything else of Cloudflare",
    "components.provider": "who reaches which host",
    "components.purge": "what only a stack with a zone has",
    "offline_plugins.executables": "the engine's side of the plugins",
    "offline_plugins.server": "how a plugin's process lives and ends",
    "offline_plugins.slim_sdk": "must be loaded before everything else",
    "offline_plugins.command.__main__": "runs the plugin",
    "offline_plugins.cloudflare.__main__": "runs the plugin",
    "offline_plugins.docker.__main__": "runs the plugin",
}
ONE_WORD_ONE_CLASS = frozenset({"Action", "Change", "Failure", "Progress", "Swarm", "Engine", "Problem"})


@dataclass(frozen=True)
class Module:
    name: str
    path: Path
    tree: ast.Module


# --- who imports whom


def modules(root: Path) -> dict[str, Module]:
    """The program's modules by dotted name; tests and images are no part of it."""
    paths = [path for room in ROOMS for path in sorted((root / room).rglob("*.py"))] + sorted(root.glob("*.py"))
    found = {}
    for path in paths:
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = Module(name, path, ast.parse(path.read_text(), str(path)))
    return found


def imports(module: Module, known: dict[str, Module]) -> set[str]:
    """All that a module imports, anywhere in it: our modules with the packages around them, and top-level names."""
    package = module.name if module.path.name == "__init__.py" else module.name.rpartition(".")[0]
    targets = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            targets.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                outer = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*outer, *filter(None, [base])])
            names = {f"{base}.{alias.name}" for alias in node.names}
            targets.update(name if name in known else base for name in names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            targets.update(one.value for one in node.args[:1] if isinstance(one, ast.Constant))
    ours = {target for target in targets if target in known}
    ours |= {outer for target in ours for outer in parents(target) if outer in known}
    return (ours - {module.name}) | {target.split(".")[0] for target in targets if target not in known}


def parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def reach(start: str, graph: dict[str, set[str]]) -> dict[str, str]:
    """Everything that importing a module brings in, each with the way it comes."""
    ways = {start: start}
    waiting = [start]
    while waiting:
        current = waiting.pop()
        for target in sorted(graph.get(current, ())):
            if target not in ways:
                ways[target] = f"{ways[current]} -> {target}"
                waiting.append(target)
    return ways


def inside(name: str, rooms: frozenset[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


@dataclass(frozen=True)
class Rule:
    """What one room may reach, by however many steps; the standard library and `colorway.errors` always."""

    room: str
    ours: frozenset[str]
    others: frozenset[str]


PYDANTIC = frozenset({"pydantic", "pydantic_core", "typing_extensions", "annotated_types"})
SPEC = frozenset({"colorway.spec"})
RENDER = frozenset({"colorway.render"})
OUTPUTS = frozenset({"colorway.outputs"})
COMPONENTS = frozenset({"components"})
CONFIG = frozenset({"colorway.config"})
SWARM = frozenset({"colorway.swarm"})
MAY_REACH = (
    Rule("colorway.spec", SPEC, PYDANTIC),
    Rule("colorway.render", RENDER | SPEC, PYDANTIC | {"jinja2"}),
    Rule("colorway.outputs", OUTPUTS | SPEC, PYDANTIC),
    Rule("colorway.cdn", frozenset({"colorway.cdn"}) | SPEC | OUTPUTS, PYDANTIC | {"cloudflare"}),
    Rule("colorway.config", SPEC | CONFIG, PYDANTIC | {"dotenv", "ruamel", "pulumi"}),
    Rule("colorway.config.stack_files", SPEC | CONFIG, PYDANTIC | {"ruamel"}),
    Rule("colorway.swarm", SPEC | RENDER | SWARM, PYDANTIC | {"docker", "jinja2", "requests", "urllib3"}),
    Rule(
        "offline_plugins", frozenset({"offline_plugins"}), frozenset({"google", "grpc", "pulumi", "typing_extensions"})
    ),
    Rule(
        "components",
        COMPONENTS | SPEC | RENDER | OUTPUTS,
        PYDANTIC | {"cryptography", "jinja2", "pulumi", "pulumi_docker", "pulumi_command", "pulumi_cloudflare"},
    ),
)
MUST_NOT_REACH = (
    ("colorway.release", re.compile(r"(pulumi(_\w+)?|components|colorway\.engine|colorway\.cli)(\.|$)")),
    ("colorway.machine", re.compile(r"(pulumi(_\w+)?|components|colorway\.(engine|release|cli))(\.|$)")),
)


def import_violations(root: Path) -> list[str]:
    known = modules(root)
    graph = {name: imports(module, known) for name, module in known.items()}
    found = []
    for name in known:
        for rule in MAY_REACH:
            if not inside(name, frozenset({rule.room})):
                continue
            for target, way in reach(name, graph).items():
                allowed = rule.ours | {"colorway.errors"} if target in known else rule.others | sys.stdlib_module_names
                if not inside(target, allowed) and target != "colorway":
                    found.append(f"{rule.room} may not reach {target}: {way}")
        for room, never in MUST_NOT_REACH:
            if inside(name, frozenset({room})):
                found += [
                    f"{room} must not reach {t}: {way}" for t, way in reach(name, graph).items() if never.match(t)
                ]
    return found


# --- other rules of the house


def config_readers(root: Path) -> list[str]:
    """Modules that read `pulumi.Config`; there is one place for that."""
    found = []
    for module in modules(root).values():
        text = {
            ast.unparse(node) for node in ast.walk(module.tree) if isinstance(node, (ast.Attribute, ast.ImportFrom))
        }
        direct = any(re.fullmatch(r"from pulumi import .*\bConfig\b.*", one) for one in text)
        if (direct or "pulumi.Config" in text) and module.name != "colorway.config.pulumi_config":
            found.append(f"{module.name} reads pulumi.Config; colorway/config/pulumi_config.py is the one reader")
    return found


def docker_boundary(root: Path) -> list[str]:
    """Modules that speak with Docker's library past the one boundary, which translates every error of it."""
    known = modules(root)
    return [
        f"{module.name} imports {one}; colorway/swarm is the one boundary to Docker"
        for module in known.values()
        if not inside(module.name, SWARM)
        for one in sorted(imports(module, known) & {"docker", "requests", "urllib3"})
    ]


def outside_contacts(root: Path) -> list[str]:
    """Components that know the time, the environment or the network, so that two runs could differ."""
    forbidden = {"time", "datetime.now", "random", "socket", "subprocess", "urllib.request", "requests", "os.environ"}
    found = []
    for module in modules(root).values():
        if not inside(module.name, COMPONENTS):
            continue
        used = {ast.unparse(node) for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
        used |= {alias.name for node in ast.walk(module.tree) if isinstance(node, ast.Import) for alias in node.names}
        used |= {node.module or "" for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom)}
        found += [f"{module.name} uses {one}; hand the value in" for one in sorted(used & forbidden)]
    return found


def bad_names_and_lengths(root: Path) -> list[str]:
    found = []
    for module in modules(root).values():
        if set(module.name.split(".")) & {"utils", "util", "helpers", "common", "misc"}:
            found.append(f"{module.name}: name the noun that it is about")
        lines = len(module.path.read_text().splitlines())
        if lines > LONGEST_MODULE:
            found.append(f"{module.name} has {lines} lines, more than {LONGEST_MODULE}: split it by noun")
    return found


def fragments(root: Path) -> list[str]:
    """Modules that are read with another one and stand alone all the same, and rooms too full to find anything in."""
    found = []
    packages: Counter[str] = Counter()
    for module in modules(root).values():
        if module.path.name == "__init__.py":
            continue
        packages[module.name.rpartition(".")[0]] += not module.path.name.startswith("__")
        lines = len(module.path.read_text().splitlines())
        if lines < SHORTEST_MODULE and module.name not in SHORT_FOR_A_REASON:
            found.append(f"{module.name} has {lines} lines: join it with what is read together, or say its reason")
    full = [(package, number) for package, number in packages.items() if number > MOST_MODULES]
    return found + [f"{package} holds {number} modules, more than {MOST_MODULES}" for package, number in full]


def words_used_twice(root: Path) -> list[str]:
    """Classes whose name another class has, too: a reader cannot tell which one is meant."""
    classes: dict[str, list[str]] = {}
    for module in modules(root).values():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name.lstrip("_"), []).append(module.name)
    return [
        f"class {name} is in {' and '.join(where)}"
        for name, where in classes.items()
        if len(where) > 1 and name in ONE_WORD_ONE_CLASS
    ]


def component_violations(root: Path) -> list[str]:
    found = []
    for module in modules(root).values():
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.ClassDef) and any("ComponentResource" in ast.unparse(b) for b in node.bases)):
                continue
            where = f"{module.name}.{node.name}"
            if not inside(module.name, COMPONENTS):
                found.append(f"{where}: component resources live in components/")
            found += [f"{where}: {mistake}" for mistake in constructor_mistakes(node)]
    return found


def constructor_mistakes(node: ast.ClassDef) -> Iterator[str]:
    """Compare with `(name, spec, *, inputs…, opts=None)` and the type `colorway:<area>:<Class>`."""
    made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
    if not made:
        yield "has no constructor of its own"
        return
    arguments = made[0].args
    if [one.arg for one in arguments.args[:2]] != ["self", "name"] or len(arguments.args) > 3:
        yield "takes name and a spec by position, and everything else by keyword"
    if arguments.vararg or arguments.kwarg:
        yield "takes no *args or **kwargs"
    last = arguments.kwonlyargs[-1].arg if arguments.kwonlyargs else None
    if last != "opts" or ast.unparse(arguments.kw_defaults[-1] or ast.Constant(0)) != "None":
        yield "takes opts=None last"
    calls = [one for one in ast.walk(made[0]) if isinstance(one, ast.Call)]
    tokens = [one.args[0] for one in calls if ast.unparse(one.func) == "super().__init__" and one.args]
    wanted = re.compile(rf"colorway:[a-z][a-z-]*:{node.name}")
    if not any(isinstance(one, ast.Constant) and wanted.fullmatch(str(one.value)) for one in tokens):
        yield f"has the type colorway:<area>:{node.name}"
    if not any(ast.unparse(one.func) == "self.register_outputs" for one in calls):
        yield "registers its outputs"


def uncollected_tests(root: Path) -> list[str]:
    """Files below tests/ that hold tests under a name that pytest passes over, or that nobody uses."""
    paths = sorted((root / "tests").rglob("*.py"))
    trees = {path: ast.parse(path.read_text(), str(path)) for path in paths}
    used = {word for path in paths for word in re.findall(r"[\w.]+", "\n".join(import_lines(trees[path])))}
    used = {part for word in used for part in word.split(".")}
    found = []
    for path, tree in trees.items():
        if path.name.startswith("test_"):
            continue
        where = path.relative_to(root)
        if any(
            isinstance(one, (ast.FunctionDef, ast.ClassDef)) and re.match("test_|Test", one.name) for one in tree.body
        ):
            found.append(f"{where} defines tests, but pytest collects test_*.py only")
        if (
            path.name not in {"conftest.py", "__init__.py", "__main__.py", "bench.py", "bench_scale.py"}
            and path.stem not in used
        ):
            found.append(f"{where} is no test, and no test imports it")
    return found


def import_lines(tree: ast.Module) -> list[str]:
    return [ast.unparse(one) for one in ast.walk(tree) if isinstance(one, (ast.Import, ast.ImportFrom))]


# Written in pieces, so that this file does not break its own rule.
INDEXES = re.compile(
    "|".join(
        re.escape("".join(pieces))
        for pieces in (
            ("pypi", ".org/simple"),
            ("files.python", "hosted.org"),
            ("proxy", ".golang.org"),
            ("registry", ".npmjs.org"),
            ("deb", ".debian.org"),
            ("--index", "-url"),
            ("--extra-index", "-url"),
            ("--find", "-links"),
        )
    )
)
MACHINE_PATHS = re.compile(r"(?<![\w.~}$)/-])/(work|root|home/\w+|opt/wheels)/[\w.]")


def addresses_in(name: str, text: str) -> list[str]:
    """Addresses of package indexes and paths of one machine; both belong to the machine's configuration."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if INDEXES.search(line.replace("--no-emit-", "")):
            found.append(f"{name}:{number}: an index address or option; the machine's configuration says where")
        if MACHINE_PATHS.search(line):
            found.append(f"{name}:{number}: a path of one machine: {line.strip()[:80]}")
    return found


def committed_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


# --- the house keeps them

RULES = (
    import_violations,
    config_readers,
    docker_boundary,
    outside_contacts,
    bad_names_and_lengths,
    fragments,
    words_used_twice,
    component_violations,
    uncollected_tests,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule):
    assert rule(ROOT) == [], "docs/ and CONTRIBUTING.md say why; change the code, or the rule on purpose"


def test_no_file_names_an_index_or_a_machine():
    found = []
    for path in committed_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += addresses_in(str(path.relative_to(ROOT)), text)
    assert found == [], "the repository must work on any machine and with any mirror"


# --- and each of them bites

GOOD_COMPONENT = """
import pulumi
class Web(pulumi.ComponentResource):
    def __init__(self, name, spec, *, network, opts=None):
        super().__init__("colorway:web:Web", name, None, opts)
        self.register_outputs({})
"""


def house(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_house_that_keeps_the_rules_passes(tmp_path):
    files = {
        "colorway/spec/names": "import re, pydantic",
        "colorway/render/nginx": "import jinja2\nfrom colorway.spec import names",
        "colorway/release/plan": "from typing import Protocol",
        "colorway/config/pulumi_config": "import pulumi\nx = pulumi.Config()",
        "components/web": GOOD_COMPONENT + "from colorway.render import nginx\n",
        "tests/test_web": "from tests.support import specs\ndef test_one(): pass",
        "tests/support/specs": "def make(): pass",
    }
    assert [one for rule in RULES if rule is not fragments for one in rule(house(tmp_path, files))] == [], (
        "rules that always bite are no rules"
    )


@pytest.mark.parametrize(
    ("rule", "files", "complaint"),
    [
        (import_violations, {"colorway/spec/a": "import yaml"}, "colorway.spec may not reach yaml"),
        (import_violations, {"colorway/spec/a": "def f():\n    import pulumi"}, "colorway.spec may not reach pulumi"),
        (
            import_violations,
            {"colorway/spec/a": "from . import b", "colorway/spec/b": "import jinja2"},
            "colorway.spec.a -> colorway.spec.b -> jinja2",
        ),
        (
            import_violations,
            {"colorway/render/a": "from colorway.outputs import X", "colorway/outputs": "X = 1"},
            "colorway.render may not reach colorway.outputs",
        ),
        (
            import_violations,
            {"colorway/config/stack_files": "import colorway.render.a", "colorway/render/a": ""},
            "colorway.config may not reach colorway.render.a",
        ),
        (
            import_violations,
            {"components/a": "from colorway import engine", "colorway/engine/__init__": ""},
            "components may not reach colorway.engine",
        ),
        (
            import_violations,
            {"colorway/release/a": "from colorway import b", "colorway/b": "import pulumi_docker"},
            "colorway.release must not reach pulumi_docker",
        ),
        (
            import_violations,
            {
                "colorway/release/a": "import importlib\nimportlib.import_module('components.web')",
                "components/web": "",
            },
            "colorway.release must not reach components.web",
        ),
        (
            import_violations,
            {
                "colorway/release/a": "import colorway.engine.b",
                "colorway/engine/__init__": "",
                "colorway/engine/b": "",
            },
            "colorway.release must not reach colorway.engine",
        ),
        (config_readers, {"__main__": "import pulumi\npulumi.Config('x')"}, "__main__ reads pulumi.Config"),
        (config_readers, {"components/a": "from pulumi import Config, get_stack"}, "components.a reads pulumi.Config"),
        (docker_boundary, {"colorway/release/a": "from docker.errors import APIError"}, "release.a imports docker"),
        (docker_boundary, {"colorway/engine/a": "def f():\n    import requests"}, "colorway.engine.a imports requests"),
        (outside_contacts, {"components/a": "import os\nx = os.environ['HOME']"}, "uses os.environ"),
        (outside_contacts, {"components/a": "from time import monotonic"}, "uses time"),
        (bad_names_and_lengths, {"colorway/utils": ""}, "colorway.utils: name the noun"),
        (bad_names_and_lengths, {"components/helpers/a": ""}, "components.helpers.a: name the noun"),
        (bad_names_and_lengths, {"colorway/a": "x = 1\n" * 401}, "has 401 lines"),
        (fragments, {"colorway/a": "x = 1"}, "colorway.a has 1 lines"),
        (fragments, {f"colorway/a{n}": "x = 1\n" * 60 for n in range(16)}, "colorway holds 16 modules"),
        (
            words_used_twice,
            {"colorway/a": "class Change: pass", "colorway/b": "class _Change: pass"},
            "class Change is in",
        ),
        (
            import_violations,
            {"offline_plugins/a": "from colorway.spec import b", "colorway/spec/b": ""},
            "may not reach",
        ),
        (component_violations, {"colorway/a": GOOD_COMPONENT}, "component resources live in components/"),
        (component_violations, {"components/a": GOOD_COMPONENT.replace(":Web", ":Tier")}, "colorway:<area>:Web"),
        (
            component_violations,
            {"components/a": GOOD_COMPONENT.replace("spec, *, network", "spec, network, *")},
            "keyword",
        ),
        (component_violations, {"components/a": GOOD_COMPONENT.replace("opts=None)", "opts)")}, "opts=None last"),
        (component_violations, {"components/a": GOOD_COMPONENT.replace("opts=None", "opts=None, **more")}, "**kwargs"),
        (component_violations, {"components/a": GOOD_COMPONENT.replace("register_outputs", "forget")}, "registers"),
        (uncollected_tests, {"tests/web": "def test_one(): pass"}, "tests/web.py defines tests"),
        (uncollected_tests, {"tests/support/old": "x = 1"}, "tests/support/old.py is no test"),
    ],
)
def test_the_rule_bites(tmp_path, rule, files, complaint):
    found = rule(house(tmp_path, files))
    assert any(complaint in one for one in found), f"a house that breaks it passes: {found}"


@pytest.mark.parametrize(
    "line",
    [
        "pip install --index" + "-url=https://example.com/x",
        "deb http://deb" + ".debian.org/debian forky main",
        'HOME = "/ro' + 'ot/.cache"',
        "see /wo" + "rk/main/x.py",
        "cd /home/so" + "mebody/build",
    ],
)
def test_an_address_or_a_machines_path_is_found(line):
    assert addresses_in("file", f"first\n{line}")[0].startswith("file:2: "), "with file and line"


@pytest.mark.parametrize(
    "line",
    [
        "uv pip compile --no-emit-index" + "-url",
        "{state}/wo" + "rk/x",
        "https://example.com/wo" + "rk/x",
        "~/ro" + "ot/x",
    ],
)
def test_what_only_looks_like_one_is_left_alone(line):
    assert addresses_in("file", line) == [], "a rule that cries wolf is switched off"
