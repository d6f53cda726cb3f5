"""Where comparisons that are asked for by a form stand below the home.

<home>/comparisons/logs/<shop>              a demonstration log, named by its size and seed
<home>/comparisons/arms/<log>-<code>/<arm>  bundles on one log, made by one state of code and settings
<home>/comparisons/judged/<run>             the judgement that a run came to, and its page
"""

from pathlib import Path
from urllib.parse import quote


def folder_of(home: Path, kind: str, name: str) -> Path:
    """The folder of this name among `logs`, `arms` or `judged`; other names never give the same one, nor one elsewhere."""
    spelled = quote(name, safe=":+")
    return home / "comparisons" / kind / (f"%2E{spelled[1:]}" if spelled.startswith(".") else spelled)


def page_of(home: Path, run: str) -> Path:
    """The page of what a run came to."""
    return folder_of(home, "judged", run) / "judgement.html"
