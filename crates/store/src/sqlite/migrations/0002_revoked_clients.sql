-- A client's tokens are ended up to the second in which they were issued: seconds since the Unix
-- epoch, and only with a client.
ALTER TABLE revocation ADD COLUMN issued_until INTEGER
    CHECK ((kind = 'client') = (issued_until IS NOT NULL));
