//! What a call is upon, by its input.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_autoscaling::operation as groups;
use aws_sdk_dynamodb::operation as rows;
use aws_sdk_eventbridge::operation as events;
use aws_sdk_kms::operation as keys;
use aws_sdk_s3::operation as objects;
use aws_sdk_sqs::operation as messages;
use aws_sdk_ssm::operation as parameters;
use aws_smithy_runtime_api::client::interceptors::context::Input;

/// The table, queue, bucket, path or key; `None` for calls that this crate does not make.
pub(super) fn of(input: &Input) -> Option<String> {
    table(input)
        .or_else(|| index(input))
        .or_else(|| tables(input))
        .or_else(|| queue(input))
        .or_else(|| folder(input))
        .or_else(|| other(input))
}

fn table(input: &Input) -> Option<String> {
    first([
        on(input, rows::get_item::GetItemInput::table_name),
        on(input, rows::put_item::PutItemInput::table_name),
        on(input, rows::update_item::UpdateItemInput::table_name),
        on(input, rows::delete_item::DeleteItemInput::table_name),
    ])
}

/// A policy names an index beside its table.
fn index(input: &Input) -> Option<String> {
    use rows::query::QueryInput;
    use rows::scan::ScanInput;
    let table = first([on(input, QueryInput::table_name), on(input, ScanInput::table_name)])?;
    let index = first([on(input, QueryInput::index_name), on(input, ScanInput::index_name)]);
    Some(index.map_or_else(|| table.clone(), |index| format!("{table}/index/{index}")))
}

fn tables(input: &Input) -> Option<String> {
    use rows::batch_get_item::BatchGetItemInput;
    use rows::batch_write_item::BatchWriteItemInput;
    let read = input.downcast_ref::<BatchGetItemInput>().and_then(|input| only(input.request_items()?));
    read.or_else(|| input.downcast_ref::<BatchWriteItemInput>().and_then(|input| only(input.request_items()?)))
}

/// The items that a call for several of them names, each of which is billed; 1 for any other.
pub(super) fn entries(input: &Input) -> usize {
    use rows::batch_get_item::BatchGetItemInput;
    use rows::batch_write_item::BatchWriteItemInput;
    if let Some(tables) = input.downcast_ref::<BatchGetItemInput>().and_then(BatchGetItemInput::request_items) {
        return tables.values().map(|wanted| wanted.keys().len()).sum();
    }
    let written = input.downcast_ref::<BatchWriteItemInput>().and_then(BatchWriteItemInput::request_items);
    written.map_or(1, |tables| tables.values().map(Vec::len).sum())
}

fn queue(input: &Input) -> Option<String> {
    first([
        on(input, messages::send_message::SendMessageInput::queue_url),
        on(input, messages::send_message_batch::SendMessageBatchInput::queue_url),
        on(input, messages::receive_message::ReceiveMessageInput::queue_url),
        on(input, messages::delete_message_batch::DeleteMessageBatchInput::queue_url),
        on(input, messages::change_message_visibility_batch::ChangeMessageVisibilityBatchInput::queue_url),
        on(input, messages::get_queue_attributes::GetQueueAttributesInput::queue_url),
    ])
}

fn other(input: &Input) -> Option<String> {
    first([
        on(input, objects::list_objects_v2::ListObjectsV2Input::bucket),
        on(input, parameters::get_parameters_by_path::GetParametersByPathInput::path),
        on(input, keys::generate_data_key::GenerateDataKeyInput::key_id),
        on(input, keys::decrypt::DecryptInput::key_id),
        on(input, groups::set_desired_capacity::SetDesiredCapacityInput::auto_scaling_group_name),
        bus(input),
    ])
}

/// All entries of a call are for one bus.
fn bus(input: &Input) -> Option<String> {
    let input = input.downcast_ref::<events::put_events::PutEventsInput>()?;
    input.entries().first()?.event_bus_name().map(str::to_owned)
}

/// A policy names the folder of an object beside its bucket.
fn folder(input: &Input) -> Option<String> {
    use objects::abort_multipart_upload::AbortMultipartUploadInput as Abort;
    use objects::complete_multipart_upload::CompleteMultipartUploadInput as Complete;
    use objects::create_multipart_upload::CreateMultipartUploadInput as Begin;
    use objects::delete_object::DeleteObjectInput as Delete;
    use objects::get_object::GetObjectInput as Get;
    use objects::head_object::HeadObjectInput as Head;
    use objects::put_object::PutObjectInput as Put;
    use objects::upload_part::UploadPartInput as Part;
    first([
        within(input, Put::bucket, Put::key),
        within(input, Get::bucket, Get::key),
        within(input, Head::bucket, Head::key),
        within(input, Delete::bucket, Delete::key),
        within(input, Begin::bucket, Begin::key),
        within(input, Part::bucket, Part::key),
        within(input, Complete::bucket, Complete::key),
        within(input, Abort::bucket, Abort::key),
    ])
}

/// `BUCKET/FOLDER/`, without the object's own name.
fn within<T: fmt::Debug + Send + Sync + 'static>(
    input: &Input,
    bucket: fn(&T) -> Option<&str>,
    key: fn(&T) -> Option<&str>,
) -> Option<String> {
    let input = input.downcast_ref::<T>()?;
    let folder = key(input)?.split_once('/').map_or("", |(folder, _)| folder);
    Some(format!("{}/{folder}/", bucket(input)?))
}

/// What an input of that kind names.
fn on<T: fmt::Debug + Send + Sync + 'static>(input: &Input, name: fn(&T) -> Option<&str>) -> Option<String> {
    input.downcast_ref::<T>().and_then(name).map(str::to_owned)
}

fn first<const N: usize>(found: [Option<String>; N]) -> Option<String> {
    found.into_iter().flatten().next()
}

fn only<T>(tables: &HashMap<String, T>) -> Option<String> {
    tables.keys().next().cloned()
}
