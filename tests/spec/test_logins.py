"""Who services log in as at a PostgreSQL: which variables name its user, and what they say with another login."""

from __future__ import annotations

import pytest

from colorway.spec.stores.logins import Login, owner
from colorway.spec.task.environment import EnvValue
from colorway.spec.traffic import Color
from tests.support.specs import demo_spec


def login(number: int) -> Login:
    return Login(user="app", number=number, hosts=("postgres", "postgres-direct"))


@pytest.mark.parametrize(("number", "name"), [(1, "app"), (2, "app_2"), (3, "app"), (4, "app_2")])
def test_the_first_login_is_called_as_the_user_and_two_take_turns(number, name):
    assert login(number).name == name
    assert owner("app") == "app_owner"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("DATABASE_USER", "app", "app_2"),
        ("DB_USERNAME", "app", "app_2"),
        ("PGUSER", "app", "app_2"),
        ("db_user_name", "app", "app_2"),
        ("DATABASE_NAME", "app", "app"),
        ("DATABASE_USER", "other", "other"),
        ("USER_AGENT", "app", "app"),
        ("DATABASE_URL", "postgresql://app@postgres/app", "postgresql://app_2@postgres/app"),
        (
            "DATABASE_URL",
            "postgresql://app@postgres-direct:5432/app?x=1",
            "postgresql://app_2@postgres-direct:5432/app?x=1",
        ),
        ("DATABASE_URL", "mysql://app@orders/app", "mysql://app@orders/app"),
        ("DATABASE_URL", "postgresql://postgres/app", "postgresql://postgres/app"),
    ],
)
def test_a_variable_that_names_the_user_says_the_login_and_no_other_does(key, value, told):
    assert login(2).told(key, EnvValue(value=value)).value == told
    assert login(1).told(key, EnvValue(value=value)).value == value, "the first one is what the file says"


def test_services_that_use_the_store_are_told_and_others_are_not():
    spec = demo_spec(settings={"stores": {"postgres": {"login": 2}}})
    api = spec.service("api", Color.BLUE)
    assert spec.told(api, api.env)["DATABASE_USER"].value == "demo_2"
    assert spec.told(api, api.env)["DATABASE_NAME"].value == "demo"
    alone = api.model_copy(update={"uses": ("redis",)})
    assert spec.told(alone, api.env)["DATABASE_USER"].value == "demo", "it may be anybody's"
