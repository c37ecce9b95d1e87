"""What the environment says about a test run.

GRAFTMQ_BUILD    the build folder to test (default build/release), or "mosquitto": the packet-level tests hold for any
                 broker, so Debian's mosquitto can be used to find out whether a test is right
GRAFTMQ_ADDRESS  HOST:PORT of a broker that runs already: it is tested instead, without what needs a configuration
GRAFTMQ_WORKERS  numbers of workers to test with (default 1,4)
GRAFTMQ_ISOLATE  1: every plugin that says nothing else, and has no outgoing packets, runs in a process of its own
GRAFTMQ_LIMIT    seconds that a test waits for an event before it fails (default 10, or 30 under a sanitizer)
"""

import os
import pathlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
IS_MOSQUITTO = os.environ.get("GRAFTMQ_BUILD") == "mosquitto"
ADDRESS = os.environ.get("GRAFTMQ_ADDRESS")
IS_FOREIGN = IS_MOSQUITTO or ADDRESS is not None
BUILD = (REPOSITORY / os.environ.get("GRAFTMQ_BUILD", "build/release")).resolve()
PROGRAM = BUILD / "graftmq"
PLUGINS = BUILD / "plugins"
WORKERS = [1] if IS_FOREIGN else [int(each) for each in os.environ.get("GRAFTMQ_WORKERS", "1,4").split(",")]
IS_SANITIZED = BUILD.name in ("asan", "tsan")
IS_ISOLATED = os.environ.get("GRAFTMQ_ISOLATE") == "1"
LIMIT = float(os.environ.get("GRAFTMQ_LIMIT", "30" if IS_SANITIZED else "10"))
