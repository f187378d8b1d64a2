"""Where promotions happen, as the settings and a door's options say."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mia_ml.registry.paper_gate import Rules
    from mia_ml.registry.promotion import Desk


@dataclass(frozen=True)
class Place:
    """model: the registered one of a bare number or alias. state: the folder of the service."""

    desk: "Desk"
    model: str
    state: Path
    rules: "Rules"


def find(params: Path, model: str = "", tracking_uri: str = "", who: str = "", state: Path | None = None) -> Place:
    """What is empty is as the settings in `params` have it; who: the user of this machine."""
    import getpass

    from mia_ml import settings
    from mia_ml.core import project
    from mia_ml.registry.paper_gate import Rules
    from mia_ml.registry.promotion import Desk
    from mia_ml.tracking import server

    chosen, home = settings.load(params), project.home(Path.cwd())
    asked = chosen.promotion
    shown = Path() if home == Path.cwd() else home
    store = server.resolve(tracking_uri or chosen.tracking.uri, home)
    return Place(
        Desk(store, shown / asked.record, " ".join(who.split()) or getpass.getuser()),
        model or chosen.tracking.model,
        state or shown / chosen.serve.state,
        Rules(asked.paper_days, asked.least_complete, asked.level),
    )
