"""The environments of a manifest: what a lock is promoted to, which gates open, what is checked afterwards."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lockflight.models import Line, Model, ProjectName, ServiceName
from lockflight.values import Argument, Duration, EnvironmentName, InsidePath, SuiteName, VariableName

Url = Annotated[
    Line,
    Field(pattern=r"^https?://[^\s@/]+(/\S*)?$", description="An address without user and password."),
]
# `ssh://deploy@host` names a user and may; a password never belongs into a manifest.
EngineHost = Annotated[
    Line,
    Field(
        pattern=r"^(unix://|ssh://([^\s@:/]+@)?|tcp://)[^\s@]+$",
        description="An engine: ssh://deploy@host, tcp://host:2376, unix:///var/run/docker.sock.",
    ),
]
Size = Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?(MB|GB|TB)$", description="500MB, 2GB")]


def _is_day(day: str) -> str:
    if day not in _DAYS:
        raise ValueError(f"'{day}' is no day; one of {', '.join(_DAYS)}")
    return day


_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Day = Annotated[str, AfterValidator(_is_day)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="17:30")]


class EngineAddress(Model):
    """Which Docker engine; this machine's own where nothing is said."""

    context: Line | None = Field(None, description="A context of the docker client, by its name.")
    host: EngineHost | None = Field(None, description="The engine's address.")
    tls: VariableName | None = Field(
        None, description="For tcp://: the variable that names the folder with ca.pem, cert.pem and key.pem."
    )

    @model_validator(mode="after")
    def _is_one(self) -> EngineAddress:
        if self.context is not None and self.host is not None:
            raise ValueError("says both 'context' and 'host'; one of them names the engine")
        return self


class ComposeSettings(EngineAddress):
    """docker compose on one engine."""

    project: ProjectName | None = Field(
        None, description="The Compose project; PROJECT-ENVIRONMENT otherwise."
    )


class SwarmSettings(EngineAddress):
    """A swarm, reached over one of its managers."""

    stack: ProjectName | None = Field(None, description="The swarm's stack; PROJECT-ENVIRONMENT otherwise.")


class CommandSettings(Model):
    """The user's own commands; each is given the lock as JSON on its standard input."""

    deploy: list[Argument] = Field(min_length=1, description="Brings the lock to the environment.")
    observe: list[Argument] = Field(min_length=1, description="Prints as JSON what runs there.")
    rollback: list[Argument] | None = Field(
        None, description="Brings back an earlier lock; `deploy` otherwise."
    )
    directory: InsidePath | None = Field(None, description="Where they run; the manifest's folder otherwise.")


class TargetSettings(Model):
    """What the environment runs on: one of these."""

    compose: ComposeSettings | None = None
    swarm: SwarmSettings | None = None
    command: CommandSettings | None = None

    @model_validator(mode="after")
    def _is_one(self) -> TargetSettings:
        if sum(getattr(self, kind) is not None for kind in ("compose", "swarm", "command")) != 1:
            raise ValueError("must be exactly one of compose, swarm, command")
        return self


class HttpSettings(Model):
    """An address must answer."""

    url: Argument = Field(description="{url.SERVICE} stands for one of the environment's `urls`.")
    status: int = Field(200, ge=100, le=599, description="The status that it must answer with.")
    json_path: Line | None = Field(
        None, alias="json", description="A value in the JSON answer: checks.store.status"
    )
    equals: str | int | bool | None = Field(None, description="What that value must be.")
    within: Duration = Field("10s", description="The longest that an answer may take.")
    tries: int = Field(3, ge=1, le=100, description="How often it is asked before the answer is no.")


class TcpSettings(Model):
    """A port must accept connections."""

    host: Line
    port: int = Field(ge=1, le=65535)
    within: Duration = "10s"


class CommandGate(Model):
    """A command must end with 0; LOCKFLIGHT_LOCK_FILE names a file with the lock as JSON. 75 says: not yet."""

    command: list[Argument] = Field(min_length=1)
    directory: InsidePath | None = None
    env: dict[VariableName, Argument] = Field(default={})
    timeout: Duration = "5m"


class EngineGate(Model):
    """The target's engine must be well."""

    version: Line | None = Field(None, description="The oldest version: 24.0")
    disk: Size | None = Field(None, description="Free disk where the engine keeps its images.")
    memory: Size | None = Field(None, description="Free memory.")
    cpus: int | None = Field(None, ge=1, description="Processors.")


class SwarmGate(Model):
    """The swarm must be well: managers in quorum, nodes ready, room for what the services reserve."""

    managers: int = Field(1, ge=1, description="Managers that can be reached, at least; a quorum anyway.")
    nodes: int = Field(1, ge=1, description="Nodes that are ready and active, at least.")


class ApprovalsGate(Model):
    """Enough of the named people must have approved this very lock."""

    quorum: int = Field(ge=1, description="How many of them.")
    reviewers: list[Line] = Field(min_length=1, description="Their names at the forge.")

    @model_validator(mode="after")
    def _can_be_met(self) -> ApprovalsGate:
        if self.quorum > len(set(self.reviewers)):
            raise ValueError(
                f"wants {self.quorum} of {len(set(self.reviewers))} reviewers, which nobody can meet"
            )
        return self


class Window(Model):
    """A time in which nothing is promoted: days and hours of every week, or from one date to another."""

    days: list[Day] = Field(default=[])
    from_: TimeOfDay | None = Field(None, alias="from")
    to: TimeOfDay | None = None
    start: Line | None = Field(None, description="2026-12-20 or 2026-12-20T18:00")
    end: Line | None = None
    reason: Line | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Window:
        if (self.start is None) != (self.end is None):
            raise ValueError("'start' and 'end' go together")
        if (self.from_ is None) != (self.to is None):
            raise ValueError("'from' and 'to' go together")
        if self.start is not None and (self.days or self.from_ is not None):
            raise ValueError("is either a time of every week ('days', 'from', 'to') or 'start' to 'end'")
        if self.start is None and not self.days and self.from_ is None:
            raise ValueError("says no time: 'days', 'from' and 'to', or 'start' and 'end'")
        for moment in (self.start, self.end):
            if moment is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d)?", moment):
                raise ValueError(f"'{moment}' is no date: 2026-12-20 or 2026-12-20T18:00")
        return self


class FreezeGate(Model):
    """Times in which nothing is promoted; a person's hold counts too."""

    timezone: Line = Field(description="An IANA time zone: Europe/Berlin")
    windows: list[Window] = Field(min_length=1)

    @model_validator(mode="after")
    def _zone_is_known(self) -> FreezeGate:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(self.timezone)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"'{self.timezone}' is no IANA time zone such as Europe/Berlin") from error
        return self


class Nothing(Model):
    """A gate without settings."""


def _spelled_out(value: Any) -> Any:
    """`registry` may be written for `registry: {}`, and `soak: 24h` for `soak: {after: 24h}`."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict) and isinstance(value.get("soak"), str):
        return {**value, "soak": {"after": value["soak"]}}
    if isinstance(value, dict) and isinstance(value.get("suite"), str):
        return {**value, "suite": {"name": value["suite"]}}
    return value


class SoakGate(Model):
    """The lock must have been well for so long in the environment that this one follows."""

    after: Duration


class SuiteCheck(Model):
    """A suite of the stack, run again with the environment's `urls`."""

    name: SuiteName


class OneKind(Model):
    """Something that is written as `kind: {its settings}`."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"must be exactly one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def kind(self) -> str:
        return next(iter(self.model_fields_set))

    @property
    def settings(self) -> Any:
        return getattr(self, self.kind)


class GateSettings(OneKind):
    """One gate: its kind, with what it wants."""

    http: HttpSettings | None = None
    tcp: TcpSettings | None = None
    command: CommandGate | None = None
    engine: EngineGate | None = None
    swarm: SwarmGate | None = None
    registry: Nothing | None = None
    follows: Nothing | None = None
    evidence: Nothing | None = None
    approvals: ApprovalsGate | None = None
    soak: SoakGate | None = None
    freeze: FreezeGate | None = None


class CheckSettings(OneKind):
    """One check after a deployment: a question like a gate's, or a suite of the stack."""

    http: HttpSettings | None = None
    tcp: TcpSettings | None = None
    command: CommandGate | None = None
    suite: SuiteCheck | None = None


Gate = Annotated[GateSettings, BeforeValidator(_spelled_out)]
Check = Annotated[CheckSettings, BeforeValidator(_spelled_out)]


class Environment(Model):
    """One environment."""

    target: TargetSettings
    follows: EnvironmentName | None = Field(
        None, description="The environment in which the same lock must have passed its checks before."
    )
    files: list[InsidePath] | None = Field(
        None, description="All compose files of the environment, in order; those of `stack` otherwise."
    )
    env_files: list[InsidePath] | None = Field(
        None, description="Files with variables; those of `stack` otherwise."
    )
    profiles: list[Line] = Field(default=[], description="Compose profiles that are active.")
    variables: dict[VariableName, Argument] = Field(
        default={}, description="Variables for the compose files."
    )
    secrets: list[VariableName] = Field(
        default=[], description="Variables that must come from lockflight's own environment when it deploys."
    )
    services: list[ServiceName] | None = Field(
        None,
        description="Which of the lock's services run here, by their names in the manifest; all otherwise.",
    )
    urls: dict[ServiceName, Url] = Field(
        default={}, description="Where services are reached, for gates and checks."
    )
    gates: list[Gate] = Field(
        default=[], description="Asked before anything is touched; all of them, every time."
    )
    checks: list[Check] = Field(default=[], description="Asked after the deployment, in this order.")
    on_failure: Literal["rollback", "keep"] | None = Field(
        None,
        description="What happens when a deployment or a check fails; `rollback` where there is somewhere to go.",
    )
    rollback_gates: list[Gate] = Field(
        default=[], description="The gates of a rollback: few, or it is no help."
    )
    deadline: Duration = Field("5m", description="How long all services together may take to be ready.")
    lease: Duration = Field(
        "60s", description="How long the environment stays locked after the process that promotes died."
    )
    unknown_services: Literal["keep", "remove"] = Field(
        "keep", description="What becomes of services that run in the environment and are not in the lock."
    )
    irreversible: list[ServiceName] = Field(
        default=[],
        description="One-shot services whose work cannot be undone; a rollback across one is refused.",
    )
