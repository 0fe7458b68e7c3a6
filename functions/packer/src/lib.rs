//! The packer as a Lambda function: one drain of a class, then the first steps of what it sealed.

pub mod handler;
