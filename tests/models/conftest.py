"""Lets the tests of this folder import `small_models`, and a model of one's own."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "own_system")]
