//! The tests that every backend has to pass.
