"""What a wheel contains: `pip wheel . --no-deps`. setup.cfg has the metadata."""

from setuptools import find_packages, setup

INSIDE = ("templates", "static", "migrations")
"""Folders beside the package, which a wheel has inside it: its neighbors are other projects."""

setup(
    packages=[
        *find_packages(include=["authapp", "authapp.*", "deploy"]),
        *(f"authapp.{name}" for name in INSIDE),
    ],
    package_dir={f"authapp.{name}": name for name in INSIDE},
    py_modules=["wsgi"],
)
