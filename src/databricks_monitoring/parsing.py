"""Dictionaries become models here, and pydantic's errors become ours."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, ValidationError

from databricks_monitoring.errors import ConfigError, InvalidValueError, UnknownKeyError, nearest

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a dictionary",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than_equal": "a number of at most {le:g}",
    "model_type": "a dictionary",
    "string_too_short": "a text that is not empty",
    "string_type": "a text",
    "too_long": "at most {max_length} items",
    "too_short": "a list of at least {min_length} item",
    "tuple_type": "a list",
}
"""What was expected, by the type of pydantic's finding; its own words speak of Python."""

Location = tuple[int | str, ...]
Model = TypeVar("Model", bound=BaseModel)


def dotted(location: Location) -> str:
    """Return a path as people write it.

    Examples
    --------
    >>> dotted(("alerts", 0, "threshold"))
    'alerts[0].threshold'
    """
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parse(
    model: type[Model],
    body: Mapping[str, object],
    where: str,
    *,
    place: Callable[[Location], str] | None = None,
) -> Model:
    """Return the model that a dictionary describes.

    Parameters
    ----------
    where : str
        What the dictionary is, such as `serving_config`, for messages.
    place : callable, optional
        Turns a path within the dictionary into words, where more is known than its dotted form.

    Raises
    ------
    UnknownKeyError
        If a key means nothing; names the nearest.
    InvalidValueError
        If a value is missing or not accepted.
    """
    if not isinstance(body, Mapping):
        raise InvalidValueError(where, body, "a dictionary")
    for key in body:
        if not isinstance(key, str):
            raise UnknownKeyError(str(key), where, keys(model))
    try:
        return model.model_validate(dict(body))
    except ValidationError as error:
        raise _in_words(model, error, where, place) from None


def _in_words(
    model: type[BaseModel], error: ValidationError, where: str, place: Callable[[Location], str] | None
) -> ConfigError:
    # A misspelt key is both unknown and missing; the unknown one tells more.
    details = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    location = _without_tags(model, details["loc"])

    def words(path: Location) -> str:
        return place(path) if place else ".".join(part for part in (where, dotted(path)) if part)

    if details["type"] == "extra_forbidden":
        owner = _model_at(model, location[:-1])
        valid = keys(owner) if owner else []
        return UnknownKeyError(str(location[-1]), words(location[:-1]), valid)
    return _invalid(model, details, location, words(location))


def _invalid(model: type[BaseModel], details: ErrorDetails, location: Location, where: str) -> ConfigError:
    if details["type"] == "missing":
        field = _field_at(model, location)
        meaning = f" ({field.description.rstrip('.')})" if field and field.description else ""
        return InvalidValueError(where, None, f"a value{meaning}")
    message = expected_words(details)
    found = details["input"]
    if "recipients" in location or isinstance(found, Mapping):
        # A recipient may be a credential, and a whole dictionary may hold one; neither is repeated.
        return ConfigError(f"{where}: expected {message}.")
    if details["type"] == "literal_error" and isinstance(found, str):
        choices = str(details.get("ctx", {}).get("expected", ""))
        guess = nearest(found, [choice.strip(" '") for choice in choices.replace(" or ", ",").split(",")])
        message += f" (did you mean {guess!r}?)" if guess else ""
    return InvalidValueError(where, found, message)


def expected_words(details: ErrorDetails) -> str:
    """Return what was expected, in words, for one of pydantic's findings."""
    words = _EXPECTED.get(details["type"])
    if words is not None:
        return words.format(**details.get("ctx", {}))
    return details["msg"].removeprefix("Value error, ").removeprefix("Input should be ")


def not_bool(value: object) -> object:
    """Return a value that is meant as a number; True and False are none, though Python counts with them."""
    if isinstance(value, bool):
        raise ValueError("a number")  # noqa: TRY004 - pydantic turns ValueError into words
    return value


def keys(model: type[BaseModel]) -> list[str]:
    """Return the keys that a model accepts, under the names users write."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _accepted(name: str, field: FieldInfo) -> set[str]:
    found = {name, field.alias or name}
    if isinstance(field.validation_alias, AliasChoices):
        found |= {str(choice) for choice in field.validation_alias.choices}
    return found


def _find(model: type[BaseModel], key: str) -> FieldInfo | None:
    return next((field for name, field in model.model_fields.items() if key in _accepted(name, field)), None)


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - annotations are of any type
    """Return an annotation without Annotated and without Optional."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            inner = [arg for arg in get_args(annotation) if arg is not type(None)]
            if len(inner) != 1:
                return annotation
            annotation = inner[0]
        else:
            return annotation


def _step(annotation: Any, part: int | str) -> Any:  # noqa: ANN401 - annotations are of any type
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = _find(annotation, str(part))
        return field.annotation if field else None
    arguments = get_args(annotation)
    return (
        arguments[-1] if arguments and get_origin(annotation) is dict else arguments[0] if arguments else None
    )


def _without_tags(model: type[BaseModel], location: Location) -> Location:
    """Return a location without the parts by which pydantic names the branches of a union."""
    found: list[int | str] = []
    current: Any = model
    for part in location:
        if get_origin(_bare(current)) in (Union, types.UnionType):
            break
        found.append(part)
        current = _step(current, part)
    return tuple(found)


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    current: Any = model
    for part in location:
        current = _step(current, part)
    current = _bare(current)
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _field_at(model: type[BaseModel], location: Location) -> FieldInfo | None:
    owner = _model_at(model, location[:-1])
    return _find(owner, str(location[-1])) if owner else None
