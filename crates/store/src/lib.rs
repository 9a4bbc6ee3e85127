//! countersign-store
