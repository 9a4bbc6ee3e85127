//! countersign-tests
