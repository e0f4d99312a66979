"""A server that loads the application and then forks, as `gunicorn --preload` does."""

import subprocess
import sys

from authapp import ROOT

FORKS = 3
PRELOADED = """
import os, sys
from authapp import create_app
from authapp.token_cache.counters import Event
from authapp.token_cache import token_cache

def work(app):
    with app.app_context():
        for _ in range(200):
            assert len(token_cache.get_active_jwt_keys()) == 2
        hits = token_cache.assembly.counters.counted(Event.HIT, Event.RECALL)
        assert hits > 550, hits
        token_cache.statistics()

app = create_app()
with app.app_context():
    token_cache.warm_keys()
for _ in range(int(sys.argv[1])):
    if not os.fork():
        try:
            work(app)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
work(app)
sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(int(sys.argv[1]))))
"""


def test_forked_processes_share_nothing(environ: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PRELOADED, str(FORKS)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environ, "CACHE_TRUST": "20"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
