//! The data directory as its users see it: opened, shared, killed, and read at one moment.

mod conformance;
mod crash;
mod credentials;
mod directory;
mod intake;
mod jobs;
mod objects;
mod samples;
mod shared;
mod snapshot;
