"""`lab env`: the variables that the collection, kubectl and psql read; a cluster of one's own sets the same ones."""

from __future__ import annotations

from ._errors import LabError
from ._layout import WHO
from ._parts import Lab
from ._postgres import DATABASE
from ._state import DATABASE_USERS


def variables(lab: Lab, who: str = "operator") -> dict[str, str]:
    """For ``operator``, ``viewer`` and ``admin`` the cluster as that user; for ``migrator`` and ``reader`` the database as that one."""
    if who not in {*WHO, *DATABASE_USERS}:
        raise LabError(f"{who!r} is no user of the lab: known are {', '.join(sorted({*WHO, *DATABASE_USERS}))}.")
    kubeconfig = str(lab.layout.kubeconfig(who if who in WHO else "operator"))
    user = DATABASE_USERS.get({"viewer": "reader", "admin": "migrator"}.get(who, who), "vllm_operator")
    return {
        "K8S_AUTH_KUBECONFIG": kubeconfig,
        "KUBECONFIG": kubeconfig,
        "PGHOST": "127.0.0.1",
        "PGPORT": str(lab.state.ports["postgres"]),
        "PGDATABASE": DATABASE,
        "PGUSER": user,
        "PGPASSWORD": lab.state.passwords[user],
        "PGSSLMODE": "disable",
        "HF_TOKEN": lab.state.tokens["hf-token"],
        "VLLM_API_KEY": lab.state.tokens["api-key"],
    }
