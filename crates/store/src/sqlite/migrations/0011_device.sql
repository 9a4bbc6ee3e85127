-- Devices that wait for their person (RFC 8628), for some minutes each. The code that the device
-- itself holds is computed from the id. Times are milliseconds since the Unix epoch.
CREATE TABLE device (
    id BLOB PRIMARY KEY,
    user_code TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    asked_from TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    interval_s INTEGER NOT NULL,
    polled_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX device_by_client ON device (client_id);
CREATE INDEX device_by_address ON device (asked_from) WHERE asked_from IS NOT NULL;
CREATE INDEX device_by_end ON device (expires_at);

-- How many there are.
CREATE TABLE devices (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    waiting INTEGER NOT NULL
) STRICT;
INSERT INTO devices VALUES (1, 0);
CREATE TRIGGER device_added AFTER INSERT ON device
    BEGIN UPDATE devices SET waiting = waiting + 1; END;
CREATE TRIGGER device_forgotten AFTER DELETE ON device
    BEGIN UPDATE devices SET waiting = waiting - 1; END;
