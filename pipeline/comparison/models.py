"""The item factors that a batch arm exports beside its bundle, for arms that fold users in against them."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.comparison.interval import Ran
from pipeline.errors import BadInput
from pipeline.files import hash_file
from pipeline.manifests import find_table, stage_facts
from pipeline.model_files import Factors, read_factors
from pipeline.run import Run
from pipeline.settings import Settings

FOLDER = "models"
SCHEMA = 1


@dataclass(frozen=True)
class Model:
    """The factors of a published version's items, and what its confidences and penalty were scaled with."""

    version: str
    file: Path
    sha256: str
    alpha: float
    regularization: float

    def read(self) -> Factors:
        """The items' vectors; raises `BadInput` when the file is not what was exported."""
        if not self.file.is_file() or hash_file(self.file) != self.sha256:
            raise BadInput(f"{self.file} is not what the batch arm exported; run the batch arm again.")
        return read_factors(self.file, "item_id")


def export_models(bundle: Path, published: Sequence[Ran], settings: Settings) -> None:
    """The item factors of every published run stand beside the bundle, and `models.json` says how they were learnt."""
    folder = bundle / FOLDER
    folder.mkdir()
    described = []
    for one in published:
        run = Run(one.interval.hours[-1], settings)
        found, facts = find_table(run, "item_factors"), stage_facts(run, "train")
        if found is not None:
            name = f"{one.version}.parquet"
            shutil.copyfile(found[0], folder / name)
            scale = {"alpha": facts["alpha"], "regularization": facts["regularization"]}
            described.append({"version": one.version, "file": name, "sha256": found[1]["sha256"], **scale})
    document = {"schema": SCHEMA, "settings": settings.facts(), "models": described}
    (folder / "models.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read_models(bundle: Path) -> tuple[dict[str, Any], list[Model]]:
    """The settings that decided, and the models in the order in which they were published."""
    path = bundle / FOLDER / "models.json"
    if not path.is_file():
        raise BadInput(f"{bundle} has no {FOLDER}/models.json beside its tables; run the batch arm again.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise BadInput(f"{path} has schema {document['schema']}; this reads schema {SCHEMA}.")
        names = ("version", "sha256", "alpha", "regularization")
        models = [
            Model(file=path.parent / one["file"], **{name: one[name] for name in names}) for one in document["models"]
        ]
        return document["settings"], models
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is damaged ({type(error).__name__}: {error}); run the batch arm again.") from None
