"""The `authapp` command: the same as `flask --app wsgi`, from any folder."""

import sys
from typing import Final

from flask.cli import FlaskGroup

from authapp import ROOT

_COMMANDS: Final = FlaskGroup(
    name="authapp",
    help="Manage accounts, tokens, keys, messages and the cache of authapp.",
    add_default_commands=False,
    add_version_option=False,
)


def main() -> None:
    """Run a command on the application in wsgi.py, as the environment configures it."""
    _COMMANDS.main(args=["--app", str(ROOT / "wsgi.py"), *sys.argv[1:]], prog_name="authapp")


if __name__ == "__main__":
    main()
