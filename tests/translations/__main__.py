"""Updates the catalogs in authapp/translations: `make translations`, or with `NEW=it` adds one."""

import sys

from tests.translations import catalogs


def main() -> int:
    """Update every catalog, and return 1 if a text still has to be translated."""
    for language in sys.argv[1:]:
        file = catalogs.file_of(language)
        if not file.exists():
            file.parent.mkdir(parents=True)
            file.write_bytes(catalogs.as_po(catalogs.new(language)))
    texts, found = catalogs.extract(), []
    for language in catalogs.languages():
        catalog, file = catalogs.merged(language, texts), catalogs.file_of(language)
        file.write_bytes(catalogs.as_po(catalog))
        file.with_suffix(".mo").write_bytes(catalogs.as_mo(catalog))
        found += catalogs.faults(catalog)
    print("\n".join(found) or "All texts are translated.")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
