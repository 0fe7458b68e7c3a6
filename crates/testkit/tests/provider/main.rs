//! The scripted provider does what its script says, and its ledger tells all of it.

mod batches;
mod desk;
mod lines;
