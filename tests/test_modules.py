"""Every module of the package can be imported by its name."""

import pkgutil
from importlib import import_module

import authapp


def test_no_package_hides_a_module() -> None:
    names = [found.name for found in pkgutil.walk_packages(authapp.__path__, "authapp.")]

    modules = {name: import_module(name) for name in names}

    assert len(modules) > 150
    for name, module in modules.items():
        package, _, attribute = name.rpartition(".")
        assert getattr(import_module(package), attribute) is module, name


def test_a_module_deep_in_a_package_is_found_by_its_dotted_name() -> None:
    import authapp.token_cache.coherence.reader as reader  # noqa: PLC0415, PLR0402

    assert reader is import_module("authapp.token_cache.coherence.reader")
