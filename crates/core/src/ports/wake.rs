//! Telling held calls that their job has ended.

use bytes::Bytes;

use crate::ids::JobId;
use crate::job::State;

/// A job that has just reached a final state.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The job.
    pub job: JobId,
    /// Its final state.
    pub state: State,
    /// The answer's body, where the flow has it at hand.
    pub body: Option<Bytes>,
}

/// Who holds a call open and wants to hear of its end. A hint: whoever misses it reads the row.
pub trait Wake: Send + Sync {
    /// Wakes those that wait for these jobs.
    fn finished(&self, jobs: Vec<Finished>);
}

/// No call is held open here.
impl Wake for () {
    fn finished(&self, _: Vec<Finished>) {}
}
