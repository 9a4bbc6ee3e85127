//! Black-box tests of the binary: what it does when things go wrong, and what certified providers
//! do.

mod clock;
mod conformance;
mod crash;
mod disk;
mod feed;
mod hostile;
mod keys;
mod nodes;
mod opaque;
mod operator;
mod pushed;
mod races;
mod refresh;
mod registration;
mod revocation;
mod sender;
mod shutdown;
mod startup;
mod switching;
mod twins;
