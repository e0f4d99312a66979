"""The catalogs of translations: `make translations` updates them, and a test checks them."""
