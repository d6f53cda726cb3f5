"""Forms of DAGs, as whoever fills them in meets them."""

from typing import Any


def takes(dag: Any, **form: Any) -> bool:
    """Whether the form can be sent off with these values."""
    from airflow.sdk.exceptions import ParamValidationError

    try:
        dag.params.update(form)
        dag.params.validate()
    except ParamValidationError:
        return False
    return True
