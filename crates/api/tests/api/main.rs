//! The front door over stores in memory: what it does where responses are bounded in size and time.

mod batches;
mod door;
mod files;
mod form;
mod forms;
mod large_answers;
mod relayed;
mod stored;
mod streams;
mod uploads;
mod waits;
