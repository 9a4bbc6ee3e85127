-- Clients that registered themselves, and those who may. Times are milliseconds since the Unix
-- epoch. A use is noted here and not at the client: it changes nothing that servers keep in memory.
CREATE TABLE registration (
    client_id TEXT PRIMARY KEY,
    management_hash BLOB NOT NULL,
    registered_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE initial_access (
    hash BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    uses_left INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
