//! Where a configuration holds: the defaults and ranges of one machine and of a deployment differ.

use crate::flags::Flags;
use crate::problem::{Given, Problems};
use crate::value;

/// Where a configuration holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// One process on one machine.
    Machine,
    /// The functions of a stack on AWS.
    Lambda,
}

/// What stands before the front door's function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontDoor {
    /// An HTTP API: 30 s a call, and answers whole.
    HttpApi,
    /// A Function URL in stream mode: answers as they come.
    FunctionUrl,
}

impl FrontDoor {
    /// `OFFPEAK_FRONT_DOOR`. Default `http-api`.
    pub(crate) fn read(flags: &Flags, problems: &mut Problems) -> Self {
        let names = [("http-api", Self::HttpApi), ("function-url", Self::FunctionUrl)];
        let given = problems.read(flags.front_door(), |text| value::word(text, &names));
        given.map_or(Self::HttpApi, |given| given.value)
    }
}

/// How long and how large an answer may become before something in front of the gateway cuts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// How often a held call looks at its row, milliseconds.
    pub(crate) look_ms: u64,
    /// How long a stream is kept open, milliseconds; `None`: as long as it takes.
    pub(crate) stream_hold_ms: Option<u64>,
    /// The largest answer to a job, bytes.
    pub(crate) response_bytes: Option<u64>,
    /// The largest answer to a relayed call, bytes.
    pub(crate) relay_bytes: Option<u64>,
    /// How long a relayed call may take, milliseconds.
    pub(crate) relay_ms: Option<u64>,
}

impl Span {
    /// On Lambda nothing wakes a held call: the poller is another process.
    pub(crate) fn of(place: Place, front_door: FrontDoor) -> Self {
        let machine =
            Self { look_ms: 30_000, stream_hold_ms: None, response_bytes: None, relay_bytes: None, relay_ms: None };
        let url = Self { look_ms: 2_000, stream_hold_ms: Some(25_000), relay_ms: Some(28_000), ..machine };
        match (place, front_door) {
            (Place::Machine, _) => machine,
            // A buffered response is one JSON text of at most 6 MB with the body as a string in it (Lambda quotas, read
            // 2026-11-20). There a quote takes two bytes, so an answer may have half; larger ones are shared. Of a
            // relayed answer the front door finds out what it takes.
            (Place::Lambda, FrontDoor::HttpApi) => {
                Self { stream_hold_ms: Some(0), response_bytes: Some(3_000_000), relay_bytes: Some(6 << 20), ..url }
            }
            (Place::Lambda, FrontDoor::FunctionUrl) => url,
        }
    }
}

/// What is known of a configuration's place while its text is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// Where it will hold.
    pub(crate) place: Place,
    /// What goes over the text.
    pub(crate) flags: &'a Flags,
    /// The classes that have a queue, on Lambda.
    pub(crate) deployed: &'a [&'a str],
}

impl Surroundings<'_> {
    /// Whether a class can be there.
    pub(crate) fn has_queue(&self, class: &str) -> bool {
        self.place == Place::Machine || self.deployed.contains(&class)
    }

    /// Refuses what only a machine has.
    pub(crate) fn only_on_a_machine<T>(&self, given: impl IntoIterator<Item = Given<T>>, problems: &mut Problems) {
        if self.place == Place::Lambda {
            for given in given {
                problems.refuse(&given, "only on a machine; a deployment has its own address, stores and parameters");
            }
        }
    }
}
