//! The caller of live calls as a Lambda function: one at a time in a stack, since a provider's rates are one count.

pub mod handler;
