"""Ten seconds of the soak; tests/soak/reload by itself runs for a quarter of an hour."""

import pathlib
import subprocess
import sys

import pytest

from harness import settings

SOAK = pathlib.Path(__file__).with_name("reload")


@pytest.mark.ours("the configuration and its reload")
def test_reloads_under_fire_lose_nothing(workers):
    done = subprocess.run([sys.executable, "-B", SOAK, "--brief", "--build", settings.BUILD, "--workers", str(workers)],
                          capture_output=True, text=True, timeout=120)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
