//! The front door over stores in memory: what it does where responses are bounded in size and time, and in the background.

mod background;
mod background_end;
mod background_stream;
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
mod webhooks;
