"""The ledger and the archive: everything that is known about environments is derived here from their events."""
