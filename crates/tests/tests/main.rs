//! Black-box tests of the binary: what it does when things go wrong.

mod crash;
mod hostile;
mod operator;
mod races;
mod shutdown;
mod startup;
