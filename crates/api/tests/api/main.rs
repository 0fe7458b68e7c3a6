//! The front door over stores in memory: what it does where responses are bounded in size and time.

mod door;
mod large_answers;
mod relayed;
mod streams;
mod waits;
