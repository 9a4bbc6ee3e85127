//! countersign-verify
