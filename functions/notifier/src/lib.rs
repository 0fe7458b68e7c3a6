//! The notifier as a Lambda function: what is owed to receivers is sent.

pub mod handler;
