//! Conditional writes.

use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::Item;
use super::patience::patiently;
use crate::error::Fault;

/// What became of a conditional write.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The condition held.
    Written,
    /// It did not; the item as it stands, if there is one.
    Refused(Option<Item>),
}

/// For one call: the SDK does not repeat it.
fn once() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

/// Puts an item if the request's condition holds.
pub(crate) async fn put(request: PutItemFluentBuilder) -> Result<Outcome, Fault> {
    let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match patiently(|| request.clone().customize().config_override(once()).send()).await {
        Ok(_) => Ok(Outcome::Written),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refusal)) => Ok(Outcome::Refused(refusal.item.clone())),
            _ => Err(Fault::call("PutItem", &error)),
        },
    }
}

/// Updates an item if the request's condition holds.
pub(crate) async fn update(request: UpdateItemFluentBuilder) -> Result<Outcome, Fault> {
    let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match patiently(|| request.clone().customize().config_override(once()).send()).await {
        Ok(_) => Ok(Outcome::Written),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                Ok(Outcome::Refused(refusal.item.clone()))
            }
            _ => Err(Fault::call("UpdateItem", &error)),
        },
    }
}
