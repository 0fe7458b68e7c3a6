//! What an operator asks of a deployment, as a Lambda function that nothing but `aws lambda invoke` starts.

pub mod handler;
