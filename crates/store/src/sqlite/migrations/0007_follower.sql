-- Verifiers that follow the revocation feed, on whichever server: written by the server that a
-- verifier is connected to, read by whoever waits for a revocation to be everywhere.
CREATE TABLE follower (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    name TEXT,
    peer TEXT NOT NULL,
    connected_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    gone_at INTEGER,
    acknowledged INTEGER,
    max_staleness_ms INTEGER
) STRICT, WITHOUT ROWID;
