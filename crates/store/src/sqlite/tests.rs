//! Opening and refusing files, and what only this backend promises.
