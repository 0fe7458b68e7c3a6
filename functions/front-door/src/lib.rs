//! The front door as a Lambda function, behind an HTTP API or a Function URL.

pub mod handler;
