-- The lifetimes that access tokens were given, and when a server last said so (milliseconds): a
-- revocation outlives the last token that it can hit, also when tokens are given less today.
CREATE TABLE access_token_lifetime (
    seconds INTEGER PRIMARY KEY,
    used_at INTEGER NOT NULL
) STRICT;
