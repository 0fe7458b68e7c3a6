//! The calls that the simulator answers, by what they are about.

pub(crate) mod batches;
pub(crate) mod catalog;
pub(crate) mod control;
pub(crate) mod creation;
pub(crate) mod files;
pub(crate) mod live;
pub(crate) mod paging;
pub(crate) mod upload;
