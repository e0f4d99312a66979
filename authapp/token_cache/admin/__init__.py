"""What operators do with the cache: statistics, checking, warming and backups."""
