"""Arguments and options that several commands have in common."""

import click

who_argument = click.argument("who", metavar="ADDRESS-OR-ID")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
