"""A script on a host: over SSH, or on this machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pulumi
import pulumi_command as command

from colorway.spec.hosts import HostSpec

INTERPRETER = ("/bin/sh", "-c")


class HostScript(pulumi.ComponentResource):
    """Runs a script on one host when it is created and whenever its text, arguments or input change.

    The script must be idempotent: nothing says that it ran once only. It prints one line that says what
    it did; that line reaches the update's log. Never give it a secret: a failing command is printed whole.
    """

    stdout: pulumi.Output[str]
    """What the script printed."""

    def __init__(
        self,
        name: str,
        spec: HostSpec,
        *,
        script: str,
        arguments: Sequence[pulumi.Input[str]] = (),
        stdin: pulumi.Input[str] | None = None,
        is_done_anywhere: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Run it; one that `is_done_anywhere` does not run again merely because it would run on another host now."""
        super().__init__("colorway:host:HostScript", name, None, opts)
        line = _command_line(script, arguments)
        child = pulumi.ResourceOptions(parent=self)
        if spec.is_local:
            local = command.local.Command(
                f"{name}-run",
                create=line,
                update=line,
                stdin=stdin,
                interpreter=list(INTERPRETER),
                add_previous_output_in_env=False,
                opts=child,
            )
            self.stdout = local.stdout
        else:
            remote = command.remote.Command(
                f"{name}-run",
                connection=_connection(spec),
                create=line,
                update=line,
                stdin=stdin,
                add_previous_output_in_env=False,
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["connection"] if is_done_anywhere else None),
            )
            self.stdout = remote.stdout
        self.register_outputs({"stdout": self.stdout})


def _connection(host: HostSpec) -> command.remote.ConnectionArgs:
    """Return how to reach a host; the private key comes from the SSH agent and so never is in state."""
    return command.remote.ConnectionArgs(
        host=str(host.address),
        port=host.ssh_port,
        user=host.user,
        host_key=host.host_key,
        dial_error_limit=5,
        per_dial_timeout=10,
    )


def _command_line(script: str, arguments: Sequence[pulumi.Input[str]]) -> pulumi.Output[str]:
    """Return one shell command that runs a script's text with arguments and leaves stdin to the script."""
    quoted = pulumi.Output.all(*arguments).apply(lambda values: " ".join(shlex.quote(str(value)) for value in values))
    return quoted.apply(lambda rest: f"/bin/sh -euc {shlex.quote(script)} colorway {rest}".rstrip())
