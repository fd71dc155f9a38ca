"""One request against a loaded model, answered as MLflow's scoring server answers it.

Parsing, signature enforcement and error texts are MLflow's own. Three differences: an error body never
carries a stack trace, NaN and infinity become null (MLflow writes them bare, which is not JSON), and an error
is always JSON.
"""

from __future__ import annotations

import inspect
import io
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
from mlflow.exceptions import MlflowException
from mlflow.models.utils import _enforce_schema
from mlflow.pyfunc import scoring_server
from mlflow.pyfunc.utils.serving_data_parser import is_unified_llm_input
from mlflow.utils.proto_json_utils import MlflowInvalidInputException, NumpyEncoder, _get_jsonable_obj

from databricks_monitoring.local_workspace.model_server.frames import storable

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow.pyfunc import PyFuncModel
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_JSON = scoring_server.CONTENT_TYPE_JSON
_UNEXPECTED = (
    "Encountered an unexpected error while evaluating the model. Verify that the serialized input Dataframe"
    " is compatible with the model for inference."
)


class Answer(NamedTuple):
    """Status and JSON body of one answered request."""

    status: int
    body: bytes
    client_request_id: str | None = None


class RequestError(Exception):
    """A request that the model never saw, with the answer it gets."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode())
        self.answer = answer


_SMALLEST_COMMON, _COMMON_BELOW = 1e-4, 1e16
_PREDICTIONS = b'{"predictions": %b}'


@dataclass(frozen=True)
class ParsedRequest:
    """A request whose JSON was read.

    Attributes
    ----------
    data
        The one entry of the four formats, by its name (or what an LLM request holds).
    """

    data: dict[str, Any]
    params: dict[str, Any] | None
    unified: bool
    client_request_id: str | None


def error_answer(status: int, code: str, message: str, client_request_id: str | None = None) -> Answer:
    """Return an answer with a Databricks error body."""
    body = json.dumps({"error_code": code, "message": message}).encode()
    return Answer(status, body, client_request_id)


def media_type(content_type: str) -> str:
    """Return the media type of a `Content-Type` header.

    Raises
    ------
    RequestError
        With 415, for a character set, a parameter or a type that is not served.
    """
    if content_type == _JSON:
        return _JSON
    mime_type, *pairs = [part.strip() for part in content_type.split(";")]
    parameters = {key.lower(): value for key, _, value in (pair.partition("=") for pair in pairs if pair)}
    if parameters.get("charset", "utf-8").strip('"').lower() != "utf-8":
        raise RequestError(error_answer(415, "BAD_REQUEST", "The scoring server only supports UTF-8"))
    if unexpected := sorted(parameters.keys() - {"charset"}):
        text = f"Unrecognized content type parameters: {', '.join(unexpected)}."
        raise RequestError(error_answer(415, "BAD_REQUEST", text))
    if mime_type.lower() not in scoring_server.CONTENT_TYPES:
        text = (
            "This predictor only supports the following content types:"
            f" Types: {scoring_server.CONTENT_TYPES}. Got '{content_type}'."
        )
        raise RequestError(error_answer(415, "BAD_REQUEST", text))
    return mime_type.lower()


def _mlflow_answer(error: MlflowException, client_request_id: str | None) -> Answer:
    status = int(error.get_http_status_code())
    # Whatever MLflow raises while a model answers is the request's or the model's fault, not the platform's.
    status = status if status < 500 else 400  # noqa: PLR2004
    code = error.error_code if status != 400 or error.error_code != "INTERNAL_ERROR" else "BAD_REQUEST"  # noqa: PLR2004
    return error_answer(status, code, error.message, client_request_id)


def dump(body: object) -> bytes:
    """Return `body` as valid JSON, with null for NaN and infinity."""
    try:
        return json.dumps(body, cls=NumpyEncoder, allow_nan=False).encode()
    except ValueError:
        text = json.dumps(body, cls=NumpyEncoder)
        return json.dumps(json.loads(text, parse_constant=lambda _: None)).encode()


def common_doubles(predictions: object) -> NDArray[np.float64] | None:
    """Return predictions that are one double a row, none of which is written with an exponent; else None."""
    if not (
        isinstance(predictions, np.ndarray) and predictions.dtype == np.float64 and predictions.ndim == 1
    ):
        return None
    sizes = np.abs(predictions)
    is_common = ((sizes >= _SMALLEST_COMMON) & (sizes < _COMMON_BELOW)) | (sizes == 0)
    return np.ascontiguousarray(predictions) if is_common.all() else None


def dump_doubles(predictions: NDArray[np.float64]) -> bytes:
    """Return what `dump` returns for `common_doubles`, in a tenth of the time."""
    # Apart from exponents, orjson and Python write a double with the same digits.
    return _PREDICTIONS % orjson.dumps(predictions, option=orjson.OPT_SERIALIZE_NUMPY).replace(b",", b", ")


class Scorer:
    """A loaded model that answers requests, each by itself."""

    def __init__(self, model: PyFuncModel) -> None:
        self._model = model
        self.input_schema = model.metadata.get_input_schema()
        self._takes_params = "params" in inspect.signature(model.predict).parameters
        self._bare = _bare_predict(model)

    def read(self, body: bytes) -> ParsedRequest:
        """Read the JSON of a request.

        Raises
        ------
        RequestError
            With 400, if it is not a JSON object.
        """
        try:
            decoded = scoring_server._decode_json_input(body)  # noqa: SLF001 - its error texts are the protocol
        except RecursionError as error:
            failure = MlflowInvalidInputException("The input is nested too deeply.")
            raise RequestError(_mlflow_answer(failure, None)) from error
        except MlflowException as error:
            raise RequestError(_mlflow_answer(error, None)) from error
        client_request_id = decoded.pop("client_request_id", None)
        if client_request_id is not None:
            given = isinstance(client_request_id, str)
            client_request_id = storable(client_request_id if given else json.dumps(client_request_id))
        if is_unified_llm_input(decoded):
            data, params = scoring_server._split_data_and_params_for_llm_input(  # noqa: SLF001
                decoded, self._model.metadata.get_params_schema()
            )
            return ParsedRequest(data, params, unified=True, client_request_id=client_request_id)
        data, params = scoring_server._split_data_and_params(decoded)  # noqa: SLF001
        return ParsedRequest(data, params, unified=False, client_request_id=client_request_id)

    def answer(self, body: bytes, content_type: str) -> Answer:
        """Answer one request; whatever is wrong with it is in the answer."""
        try:
            kind = media_type(content_type)
            if kind == _JSON:
                return self.answer_parsed(self.read(body))
            return self._answer_table(body, kind)
        except RequestError as error:
            return error.answer

    def answer_parsed(self, request: ParsedRequest) -> Answer:
        """Answer one request whose JSON was read."""
        identifier = request.client_request_id
        try:
            data = request.data if request.unified else self.model_input(request.data)
        except MlflowException as error:
            return _mlflow_answer(error, identifier)
        except Exception as error:
            # MLflow lets some malformed shapes through to pandas and numpy, whose errors say what is wrong.
            logger.exception("the input could not be read")
            return error_answer(
                400, "BAD_REQUEST", f"Invalid input. {type(error).__name__}: {error}", identifier
            )
        return self._predicted(data, request.params, identifier, unified=request.unified)

    def model_input(self, data: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the model takes
        """Return what the model is given for the entry of one of the four formats.

        Raises
        ------
        MlflowException
            If there is none or more than one, or it does not fit the signature.
        """
        if not self._model.metadata._is_signature_from_type_hint():  # noqa: SLF001 - MLflow's server asks it too
            return scoring_server.infer_and_parse_data(data, self.input_schema)
        if scoring_server.INPUTS not in data:
            raise MlflowException.invalid_parameter_value(
                "Request payload must be a dictionary with 'inputs' key when "
                f"the model contains a valid type hint. Found keys in payload: {data.keys()}."
            )
        return data[scoring_server.INPUTS]

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - the model's own types
        """Return what the model predicts."""
        return self._model.predict(data, params=params) if self._takes_params else self._model.predict(data)

    def enforced_input(self, data: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever the model takes
        """Return what MLflow hands to the model itself for the entry of one of the four formats.

        Raises
        ------
        MlflowException
            As `model_input`, and if it does not fit the signature after all casts.
        """
        given = self.model_input(data)
        return given if self.input_schema is None else _enforce_schema(given, self.input_schema)

    def predict_enforced(self, data: Any) -> Any:  # noqa: ANN401 - the model's own types
        """Return what the model predicts for an input that already is what the signature says."""
        return self.predict(data) if self._bare is None else self._bare(data)

    def _answer_table(self, body: bytes, kind: str) -> Answer:
        try:
            if kind == scoring_server.CONTENT_TYPE_CSV:
                data = scoring_server.parse_csv_input(_text_stream(body), schema=self.input_schema)
            else:
                data = scoring_server.parse_parquet_input(io.BytesIO(body))
        except MlflowException as error:
            return _mlflow_answer(error, None)
        return self._predicted(data, None, None, unified=False)

    def _predicted(
        self,
        data: Any,  # noqa: ANN401 - whatever the model takes
        params: dict[str, Any] | None,
        identifier: str | None,
        *,
        unified: bool,
    ) -> Answer:
        try:
            raw = self.predict(data, params)
            predictions = _get_jsonable_obj(raw, pandas_orient="records")
            return Answer(200, dump(predictions if unified else {"predictions": predictions}), identifier)
        except MlflowException as error:
            error.message = f"Failed to predict data '{data}'. \nError: {error.message}"
            return _mlflow_answer(error, identifier)
        except Exception:
            # The model's own words stay in its log: they name paths and code.
            logger.exception("the model failed")
            return error_answer(400, "BAD_REQUEST", _UNEXPECTED + self._columns_that_differ(data), identifier)

    def _columns_that_differ(self, data: Any) -> str:  # noqa: ANN401 - whatever the model takes
        """Return in words which optional columns a failed input lacks and which nobody asked for."""
        wanted = self.input_schema.input_names() if self.input_schema is not None else []
        given = [str(name) for name in getattr(data, "columns", [])]
        if not given or not wanted:
            return ""
        lacking = [name for name in wanted if name not in given]
        beyond = [name for name in given if name not in wanted]
        said = f" The input lacks the columns {lacking} of the signature." if lacking else ""
        return said + (f" It has columns that the signature does not have: {beyond}." if beyond else "")


def _bare_predict(model: PyFuncModel) -> Callable[[Any], Any] | None:
    """Return the model's own `predict`; None where MLflow does more around it than to enforce the input."""
    metadata = model.metadata
    from_hints = metadata._is_signature_from_type_hint() or metadata._is_type_hint_from_example()  # noqa: SLF001
    if from_hints or metadata.get_params_schema() is not None:
        return None
    own: Callable[..., Any] = model._predict_fn  # noqa: SLF001 - MLflow has no public way around its casts
    params = inspect.signature(own).parameters.get("params")
    if params is not None and params.kind is not inspect.Parameter.VAR_KEYWORD:
        return lambda data: own(data, params=None)
    return own


def _text_stream(body: bytes) -> io.StringIO:
    try:
        return io.StringIO(body.decode())
    except UnicodeDecodeError as error:
        raise MlflowInvalidInputException(
            f"Ensure that input is a valid UTF-8 encoded string. Error: '{error!r}'"
        ) from error
