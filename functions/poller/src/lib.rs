//! The poller as a Lambda function: every open submission takes its next steps.

pub mod handler;
