//! Over stores that are far away: how many calls a job costs, how fast a queue is drained, what those do who advance
//! without knowing of each other.

mod calls;
mod drain;
mod joins;
mod meter;
mod transfers;
