-- Authorization requests that clients pushed, by a hash of their reference, until their users have
-- answered or too much time has passed. Times are milliseconds since the Unix epoch.
CREATE TABLE pushed_request (
    key BLOB PRIMARY KEY,
    client_id TEXT NOT NULL,
    confidential INTEGER NOT NULL,
    parameters TEXT NOT NULL,
    pushed_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pushed_request_by_end ON pushed_request (expires_at);

-- How many there are, of clients that proved who they are and of others: anybody can push in the name
-- of a public client, and that must leave room for the rest.
CREATE TABLE pushed_requests (
    confidential INTEGER PRIMARY KEY CHECK (confidential IN (0, 1)),
    live INTEGER NOT NULL
) STRICT;
INSERT INTO pushed_requests VALUES (0, 0), (1, 0);
CREATE TRIGGER pushed_request_added AFTER INSERT ON pushed_request
    BEGIN UPDATE pushed_requests SET live = live + 1
        WHERE confidential = new.confidential; END;
CREATE TRIGGER pushed_request_gone AFTER DELETE ON pushed_request
    BEGIN UPDATE pushed_requests SET live = live - 1
        WHERE confidential = old.confidential; END;
