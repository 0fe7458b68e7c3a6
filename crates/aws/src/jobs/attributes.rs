//! The names of a row's attributes. What is 0, false or absent is left out, but for the state's own.
//!
//! ```text
//! id B   tenant S   born B (created, id: the index's key, where there is one)   ttl N (s)
//! c d N  created, deadline, ms              m S     the model as the caller names it
//! h B|S  SHA-256 of the body                k g     keyed BOOL, tag S
//! hk B hu S  whom it names to be told: receiver, the URL if another than the receiver's
//! lc lp le lm lq S  the lane: credential, provider, endpoint, model (where it is not m), class
//! lt S    what its jobs were promised, as JSON, if anything
//! s S    state    a N  attempt    u B  submission, while packed    w BOOL  a cancel was wished
//! n nc nl nr N    twin, twins, lower bound, resends
//! hr B hc ht N    the answer was handed to: request, its retry count, when, ms
//! bo S bf bl N    the body: object, first byte, length
//! f N    finished, ms
//! x N xo S xf xl xi xt N   done: status, object, first byte, length, input and output tokens
//! fc fm S                  failed: code, message
//! ```

pub(super) use crate::dynamo::{BORN, ID, TENANT};

pub(super) const CREATED: &str = "c";
pub(super) const DEADLINE: &str = "d";
pub(super) const MODEL: &str = "m";
pub(super) const BODY_HASH: &str = "h";
pub(super) const KEYED: &str = "k";
pub(super) const TAG: &str = "g";
pub(super) const RECEIVER: &str = "hk";
pub(super) const RECEIVER_URL: &str = "hu";
pub(super) const LANE_CREDENTIAL: &str = "lc";
pub(super) const LANE_PROVIDER: &str = "lp";
pub(super) const LANE_ENDPOINT: &str = "le";
pub(super) const LANE_MODEL: &str = "lm";
pub(super) const LANE_CLASS: &str = "lq";
pub(super) const LANE_TERMS: &str = "lt";
pub(super) const STATE: &str = "s";
pub(super) const ATTEMPT: &str = "a";
pub(super) const SUBMISSION: &str = "u";
pub(super) const CANCEL_WISHED: &str = "w";
pub(super) const TWIN: &str = "n";
pub(super) const TWINS: &str = "nc";
pub(super) const LOW: &str = "nl";
pub(super) const RESENDS: &str = "nr";
pub(super) const HANDED_TO: &str = "hr";
pub(super) const HANDED_RETRY: &str = "hc";
pub(super) const HANDED_AT: &str = "ht";
pub(super) const BODY_OBJECT: &str = "bo";
pub(super) const BODY_OFFSET: &str = "bf";
pub(super) const BODY_LENGTH: &str = "bl";
pub(super) const FINISHED: &str = "f";
pub(super) const ANSWER_STATUS: &str = "x";
pub(super) const ANSWER_OBJECT: &str = "xo";
pub(super) const ANSWER_OFFSET: &str = "xf";
pub(super) const ANSWER_LENGTH: &str = "xl";
pub(super) const INPUT_TOKENS: &str = "xi";
pub(super) const OUTPUT_TOKENS: &str = "xt";
pub(super) const FAILURE_CODE: &str = "fc";
pub(super) const FAILURE_MESSAGE: &str = "fm";
