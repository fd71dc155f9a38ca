"""What a model is logged with: its flavour, signature and requirements."""

from __future__ import annotations

import importlib.metadata
import inspect
import io
import logging
import pickle
import sys
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from databricks_monitoring.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mlflow.models import ModelSignature

logger = logging.getLogger(__name__)

_SERIALIZATION = {"serialization_format": "cloudpickle"}
"""Said explicitly: outside Databricks MLflow's default refuses most tree models."""


class Flavour(NamedTuple):
    """How MLflow logs one kind of model."""

    name: str
    argument: str
    options: dict[str, str]
    packages: tuple[str, ...]

    def log(self, model: object, **arguments: Any) -> Any:  # noqa: ANN401 - ModelInfo, of untyped functions
        """Call the flavour's `log_model`."""
        import mlflow  # noqa: PLC0415 - takes seconds

        module = getattr(mlflow, self.name)
        quieted = logging.getLogger(f"mlflow.{self.name}")
        quieted.addFilter(_is_not_about_pickle)
        try:
            return module.log_model(**{self.argument: model}, **self.options, **arguments)
        finally:
            quieted.removeFilter(_is_not_about_pickle)


def _is_not_about_pickle(record: logging.LogRecord) -> bool:
    """Keep every log record but the advice against the format that is chosen here on purpose."""
    return "cloudpickle" not in record.getMessage().lower()


_LIGHTGBM = Flavour("lightgbm", "lgb_model", _SERIALIZATION, ("lightgbm",))
_XGBOOST = Flavour("xgboost", "xgb_model", {}, ("xgboost",))
_SKLEARN = Flavour("sklearn", "sk_model", _SERIALIZATION, ("sklearn", "cloudpickle"))
_PYFUNC = Flavour("pyfunc", "python_model", {}, ("cloudpickle",))


def flavour_of(model: object) -> Flavour:
    """Return the flavour of a model by its type.

    Raises
    ------
    InvalidValueError
        If it is none of LightGBM, XGBoost, scikit-learn, `mlflow.pyfunc.PythonModel` and a function.
    """
    packages = [cls.__module__.partition(".")[0] for cls in type(model).__mro__]
    # LightGBM's and XGBoost's estimators are scikit-learn's too, so theirs come first.
    for package, flavour in (("lightgbm", _LIGHTGBM), ("xgboost", _XGBOOST), ("sklearn", _SKLEARN)):
        if package in packages:
            return flavour
    if "mlflow" in packages or (callable(model) and not hasattr(model, "predict")):
        return _PYFUNC
    expected = "a LightGBM, XGBoost or scikit-learn model, an mlflow.pyfunc.PythonModel or a function"
    raise InvalidValueError("model", type(model).__qualname__, expected)


def sample_of(x_sample: Any) -> Any:  # noqa: ANN401 - a DataFrame or array; pandas may be absent
    """Return the sample as requests can bring it.

    Integer and boolean columns with missing values become floats: a request cannot leave an integer empty,
    and an empty boolean arrives as False. Categories become the values they stand for.
    """
    if not _is_pandas(x_sample):
        return x_sample
    from pandas.api.types import infer_dtype  # noqa: PLC0415 - optional below the public API

    categories = {
        name: dtype.categories.dtype for name, dtype in x_sample.dtypes.items() if str(dtype) == "category"
    }
    sample = x_sample.astype(categories) if categories else x_sample
    kinds = {name: infer_dtype(sample[name], skipna=True) for name in sample.columns}
    strict = [name for name, kind in kinds.items() if kind in ("integer", "integer-na", "boolean")]
    missing = [name for name in strict if sample[name].isna().any()]
    if missing:
        logger.info("columns %s have missing values and are declared double", ", ".join(map(str, missing)))
    whole = [name for name in strict if kinds[name] == "integer" and name not in missing]
    if whole:
        filled = ", ".join(map(str, whole))
        logger.info("requests must fill the integer columns %s; make them float if they may be empty", filled)
    return sample.astype(dict.fromkeys(missing, "float64")) if missing else sample


def signature_of(model: object, sample: Any) -> ModelSignature:  # noqa: ANN401 - as above
    """Return the signature that the sample and the model's predictions on it imply.

    Raises
    ------
    InvalidValueError
        If inputs or outputs cannot be inferred; Unity Catalog takes no model without both.
    """
    from mlflow.models import infer_signature  # noqa: PLC0415 - needs numpy, which the plain install lacks

    if len(sample) == 0:
        raise InvalidValueError("X_sample", "no rows", "some rows of what the model was trained on")
    predict = _predict(model)
    try:
        predictions = predict(sample)
    except Exception as error:
        error.add_note(
            "The model could not predict on X_sample as requests bring it: categories as plain values, "
            "integers and booleans with missing values as floats. Encode such columns inside the model."
        )
        raise
    if getattr(predictions, "dtype", None) == "object" and all(isinstance(item, str) for item in predictions):
        predictions = predictions.astype(str)  # else the signature would say `object`
    with warnings.catch_warnings():
        # Said above, with the names of the columns.
        warnings.filterwarnings(
            "ignore", message="Hint: Inferred schema contains integer", category=UserWarning
        )
        signature = infer_signature(sample, predictions)
    for part, what in ((signature.inputs, "inputs"), (signature.outputs, "outputs")):
        if part is None or not part.inputs:
            raise InvalidValueError(
                "X_sample", type(sample).__qualname__, f"a sample from which a signature with {what} follows"
            )
    return signature


def _predict(model: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - any model
    if flavour_of(model) is _PYFUNC and hasattr(model, "predict"):
        takes_context = "context" in inspect.signature(model.predict).parameters
        return (lambda sample: model.predict(None, sample)) if takes_context else model.predict
    if type(model).__module__.startswith("xgboost") and type(model).__name__ == "Booster":
        import xgboost  # noqa: PLC0415 - only where such a model is

        return lambda sample: model.predict(xgboost.DMatrix(sample))
    return model.predict if hasattr(model, "predict") else model  # type: ignore[no-any-return]  # a function


def requirements_of(model: object, flavour: Flavour, sample: object) -> list[str]:
    """Return pinned requirements of the packages that loading the model imports.

    MLflow would find them by loading the model in another process, which takes tens of seconds.
    """
    import mlflow  # noqa: PLC0415 - takes seconds

    modules = {*flavour.packages, *_pickled_modules(model)}
    if _is_pandas(sample):
        modules.add("pandas")
    if "sklearn" in modules:
        modules.add("scipy")
    distributions = importlib.metadata.packages_distributions()
    names = {distributions[module][0] for module in modules if module in distributions}
    names -= {"databricks-monitoring", "databricks_monitoring", "mlflow", "mlflow-skinny", "mlflow-tracing"}
    pinned = [f"{name}=={importlib.metadata.version(name)}" for name in sorted(names, key=str.casefold)]
    return [f"mlflow=={mlflow.__version__}", *pinned]


class _Recorder(pickle.Unpickler):
    """Loads a pickle and notes the modules it imports."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.modules: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - anything importable
        self.modules.add(module)
        found = super().find_class(module, name)
        if name != "subimport":
            return found

        def noting(imported: str) -> Any:  # noqa: ANN401 - a module
            self.modules.add(imported)
            return found(imported)

        # Modules that a pickled function uses are not classes: cloudpickle imports them by this call.
        return noting


def _pickled_modules(model: object) -> set[str]:
    import cloudpickle  # noqa: PLC0415 - comes with MLflow

    recorder = _Recorder(cloudpickle.dumps(model))
    recorder.load()
    return set(_third_party(recorder.modules))


def _third_party(modules: Iterable[str]) -> Iterator[str]:
    for module in modules:
        top = module.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "__main__":
            yield top


def _is_pandas(data: object) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns")
