//! The worker on an EC2 instance: takes work while there is some, and ends its instance when there is none.
//!
//! ```text
//! work ──idle──► end the instance         at risk ─► finish what is held, take no more ─► end the instance
//!   └── taken back ─► return what was not begun, finish or store what runs ─► let the instance go
//! ```

pub mod handler;
pub mod options;
