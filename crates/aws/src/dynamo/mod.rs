//! What all tables have in common: how attributes are written and read, and how often a call is tried.
//!
//! A conditional write is sent once: a repeat of one whose reply was lost would report a conflict with itself. Only
//! what the service says did not happen is sent again.

mod attribute;
mod change;
mod document;
mod expiry;
mod listing;
mod lookup;
mod order;
mod patience;
mod row;
#[cfg(test)]
mod script;
#[cfg(test)]
mod size;
mod write;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

pub(crate) use attribute::{bytes, flag, number, text};
pub(crate) use change::Change;
pub(crate) use document::{Documents, FIRST, ID, owe};
pub(crate) use expiry::{EXPIRY, ceil_s, is_live, now_s};
pub(crate) use listing::{BORN, Listing, TENANT, born};
pub(crate) use lookup::{BATCH, look_up};
pub(crate) use order::in_order;
pub(crate) use row::Row;
#[cfg(test)]
pub(crate) use script::{Script, wire};
#[cfg(test)]
pub(crate) use size::item_bytes;
pub(crate) use write::{Outcome, put, update};

/// An item by its attributes' names.
pub(crate) type Item = HashMap<String, AttributeValue>;
