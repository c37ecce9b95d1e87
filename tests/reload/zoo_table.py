"""Writes tests/plugins/zoo/README.md anew, from the cases of the zoo."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import zoo  # noqa: E402

if __name__ == "__main__":
    (zoo.FOLDER / "README.md").write_text(zoo.table())
