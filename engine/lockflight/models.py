"""What our pydantic models share: strictness, the kinds of text, and errors that a person can act on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_core import ErrorDetails

from lockflight import durations, names
from lockflight.errors import InputError, Problem
from lockflight.yaml_source import Document, YamlPath


class Model(BaseModel):
    """A frozen model that refuses unknown fields and does not guess types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


def _is_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("must say its time zone: 2026-11-21T08:00:00Z")
    try:
        return moment.astimezone(UTC).replace(microsecond=0)
    except OverflowError as error:
        raise ValueError("lies outside of the years 1 to 9999") from error


def utc_text(moment: datetime) -> str:
    """`2026-11-21T08:00:00Z`, the one form in which lockflight writes a time."""
    # strftime would not pad the year of Go's zero time, 0001-01-01T00:00:00Z.
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


ServiceName = Annotated[str, Field(pattern=f"^{names.SERVICE}$", description="A name as Compose allows it.")]
ProjectName = Annotated[str, Field(pattern=f"^{names.PROJECT}$", description="A Compose project name.")]
Commit = Annotated[str, Field(pattern=f"^{names.COMMIT}$", description="A full commit SHA.")]
Digest = Annotated[str, Field(pattern=f"^{names.DIGEST}$", description="sha256: and 64 hexadecimal digits.")]
LockId = Annotated[str, Field(pattern=f"^{names.LOCK_ID}$", description="64 hexadecimal digits.")]
ImageName = Annotated[
    str, Field(pattern=f"^{names.IMAGE}$", description="Registry and path: ghcr.io/acme/cart.")
]
Tag = Annotated[str, Field(pattern=f"^{names.TAG}$", description="An image tag.")]
Platform = Annotated[str, Field(pattern=f"^{names.PLATFORM}$", description="linux/amd64, linux/arm64, …")]
# One line of text that ends up in tables, pull-request comments and commit messages: no control characters,
# and none that turn the direction of what follows.
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
Line = Annotated[str, Field(min_length=1, max_length=1000, pattern=_ONE_LINE)]
UtcTime = Annotated[
    datetime,
    Field(strict=False),
    AfterValidator(_is_utc),
    PlainSerializer(utc_text, return_type=str, when_used="always"),
]

AnyModel = TypeVar("AnyModel", bound=BaseModel)


def validate(model: type[AnyModel], document: Document) -> AnyModel:
    """The document as `model`, or one `InputError` with every problem, each at its line."""
    if not isinstance(document.data, dict):
        raise InputError(
            f"is no mapping but {kind_of(document.data)}",
            place=document.place(()),
            hint="it must start with fields such as 'version: 1'",
        )
    _refuse_truth_as_version(model, document)
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise InputError(problems_of(error, model, document)) from error


def _refuse_truth_as_version(model: type[BaseModel], document: Document) -> None:
    """`version: true` is no version, though Python calls True and 1 the same."""
    for name, field in model.model_fields.items():
        if get_args(field.annotation) == (1,) and document.data.get(name) in (True, 1.0):
            given = document.data[name]
            if type(given) is not int:
                raise InputError(_unknown_version(given), place=document.place((name,)))


def problems_of(error: ValidationError, model: type[BaseModel], document: Document) -> list[Problem]:
    """Every problem once; members of a union would otherwise each complain."""
    found = [
        (detail, _problem(detail, model, document))
        for detail in sorted(error.errors(include_url=False), key=_is_choice)
    ]
    explained = {problem.place for detail, problem in found if not _is_choice(detail)}
    kept = [problem for detail, problem in found if not (_is_choice(detail) and problem.place in explained)]
    return list(dict.fromkeys(kept))


def _is_choice(detail: ErrorDetails) -> bool:
    """The complaint of a member of a union that is only one value, such as `image: false`."""
    return detail["type"] == "literal_error"


def _problem(detail: ErrorDetails, model: type[BaseModel], document: Document) -> Problem:
    path = _path_in_text(detail["loc"], document.data, detail["type"] == "missing")
    place = document.place(path)
    if detail["type"] == "extra_forbidden":
        hint = names.did_you_mean(str(path[-1]), _fields_at(model, path[:-1]))
        return Problem("is an unknown field", place, hint)
    return Problem(_message(detail), place)


def _path_in_text(location: tuple[str | int, ...], data: Any, last_is_missing: bool) -> YamlPath:
    """The location without the names of union members and validators that pydantic puts into it."""
    path: list[str | int] = []
    for position, part in enumerate(location):
        if isinstance(data, dict) and part in data:
            data = data[str(part)]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif not (last_is_missing and position == len(location) - 1):
            continue
        path.append(part)
    return tuple(path)


def _message(detail: ErrorDetails) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "missing":
        return "is required"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        given = names.reference_without_secret(value) if pattern == f"^{names.IMAGE}$" else value
        return f"{_shown(given)} does not fit; expected {_expected(pattern, value)}"
    if kind == "literal_error" and context.get("expected") == "1":
        return _unknown_version(value)
    expected = _KINDS.get(kind)
    if expected:
        return f"must be {expected}, not {kind_of(value)}"
    return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}, not {_shown(value)}"


def _expected(pattern: str, value: Any) -> str:
    in_words = _PATTERNS.get(pattern, pattern)
    is_capital = pattern == f"^{names.IMAGE}$" and isinstance(value, str) and names.has_upper_case(value)
    return f"{in_words}; its path must be in lower case" if is_capital else in_words


def _unknown_version(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"is version {_shown(value)}; this lockflight reads version 1"
    return f"must be 1, the version that this lockflight reads, not {kind_of(value)}"


_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}
_PATTERNS = {
    f"^{names.SERVICE}$": "a service name: letters, digits, '_', '.', '-'",
    f"^{names.PROJECT}$": "a project name: lower-case letters, digits, '_', '-'",
    f"^{names.COMMIT}$": "a full commit: 40 (or 64) hexadecimal digits in lower case",
    f"^{names.DIGEST}$": "a digest: sha256: and 64 hexadecimal digits in lower case",
    f"^{names.LOCK_ID}$": "64 hexadecimal digits in lower case",
    f"^{names.IMAGE}$": "an image name with its registry, such as ghcr.io/acme/cart",
    f"^{names.TAG}$": "a tag: letters, digits, '_', '.', '-', at most 128",
    f"^{names.PLATFORM}$": "a platform such as linux/amd64",
    _ONE_LINE: "one line without control characters",
    f"^{durations.PATTERN}$": "a length of time such as 90s, 10m or 1h30m",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "a variable's name: letters, digits and '_'",
    r"^/[^:]*$": "an absolute path without ':'",
}


def kind_of(value: Any) -> str:
    """What a value is, in words of YAML and not of Python."""
    if value is None:
        return "nothing"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    name = kinds.get(type(value), "a mapping" if isinstance(value, dict) else "something else")
    return f"{name} ({_shown(value)})" if isinstance(value, (bool, int, float, str)) else name


def _shown(value: Any) -> str:
    text = f"'{names.without_credentials(value)}'" if isinstance(value, str) else repr(value)
    text = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return text if len(text) <= 80 else f"{text[:77]}…"


def _fields_at(model: type[BaseModel], path: YamlPath) -> list[str]:
    """The field names that are known at a path of the document, for a hint."""
    current: Any = model
    for part in path:
        current = _member(current, part)
        if current is None:
            return []
    found = _model_in(current)
    if found is None:
        return []
    return [field.alias or name for name, field in found.model_fields.items()]


def _member(current: Any, part: str | int) -> Any:
    model = _model_in(current)
    if model is not None and isinstance(part, str):
        by_name = {field.alias or name: field for name, field in model.model_fields.items()}
        return by_name[part].annotation if part in by_name else None
    arguments = [argument for argument in get_args(current) if argument is not type(None)]
    for argument in reversed(arguments):
        if _model_in(argument) is not None or get_args(argument):
            return argument if _model_in(argument) is not None else _member(argument, part)
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is, or may be (`Stack | None`); a mapping of models is none itself."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (dict, list, tuple):
        return None
    found = (argument for argument in get_args(annotation) if isinstance(argument, type))
    return next((argument for argument in found if issubclass(argument, BaseModel)), None)
