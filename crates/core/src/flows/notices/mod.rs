//! Notices: promised before an end is written, sent once it holds; and the receivers that they go to.
//!
//! ```text
//! whoever ends an object ─► promise ─► [notice: owed] ─► its final state ─► deliver ─► receiver
//! ```

mod choose;
mod deliver;
mod payload;
mod promise;
mod receivers;

pub use choose::{ChooseError, choose};
pub use deliver::{Delivering, Sent, deliver_all, replay};
pub use payload::Payload;
pub(super) use promise::{Audience, Ended, end};
pub use receivers::{
    Changes, MAX_NAME_BYTES, NewReceiver, ROTATION_MS, ReceiverError, create, get, list, remove, rotate, test, update,
};
