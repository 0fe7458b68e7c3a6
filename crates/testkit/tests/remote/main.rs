//! Over stores that are far away: how many calls a job costs, and how fast a queue is drained.

mod calls;
mod drain;
mod joins;
mod meter;
