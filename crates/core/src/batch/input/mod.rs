//! A batch's input: read line by line in bounded memory, each line checked, all its errors found in one pass.
//!
//! ```text
//! pieces of bytes ─► Splitter ─► lines ─► Checker ─► requests, as they came
//!                                            └─► finish: counts, or errors in OpenAI's codes and words
//! ```
//! Nothing here awaits or stores anything: the flow that splits a batch uses it, and so does whoever checks a file
//! before it is sent. What is kept of a line is 16 bytes, by which a `custom_id` that stands twice is found; beyond
//! 131,072 lines they may be set aside.

mod checker;
mod endpoint;
mod errors;
mod request;
mod seen;
mod splitter;

pub use checker::{Checker, Counted};
pub use endpoint::FirstEndpoint;
pub use errors::{
    Fault, empty_file, input_not_found, mismatched_model, model_not_private, model_not_supported, too_large,
    too_long_names, too_many_lines, too_many_parts, wrong_purpose,
};
pub use request::{Request, read};
pub use seen::{ID_BYTES, Merge, RUN_BYTES, Repeat};
pub use splitter::{Line, Splitter};

/// The longest line that is read: what is longer is refused without being kept.
pub const MAX_LINE_BYTES: usize = 16 << 20;

/// Lines of one input: the ids of so many are told apart in 40 MB, wherever they are.
pub const MAX_LINES: u64 = 2_500_000;
