//! countersign-protocol
