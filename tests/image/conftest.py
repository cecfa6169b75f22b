"""The servers, clients and processes of the end-to-end tests serve here too."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))
