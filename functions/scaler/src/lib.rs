//! The scaler as a Lambda function: how many instances are to be there, once a minute.

pub mod handler;
