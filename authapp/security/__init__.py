"""Pure cryptography and parsing: no Flask, no database, no settings; values in, values out."""
