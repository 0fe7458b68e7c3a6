//! What an emulator still holds in a stack's name.

use serde_json::{Value, json};

use crate::{Aws, xml};

/// Every table, bucket, queue, log group, function, role, API and schedule with the stack's name before its own,
/// whatever the letters' case, sorted.
pub async fn left(aws: &Aws, stack: &str) -> Vec<String> {
    let nothing = json!({});
    let lists = [
        (aws.json("DynamoDB_20120810.ListTables", &nothing).await, "TableNames", ""),
        (aws.json("AmazonSQS.ListQueues", &nothing).await, "QueueUrls", ""),
        (aws.json("Logs_20140328.DescribeLogGroups", &nothing).await, "logGroups", "logGroupName"),
        (aws.get("lambda", "/2015-03-31/functions/").await.json(), "Functions", "FunctionName"),
        (aws.get("scheduler", "/schedules").await.json(), "Schedules", "Name"),
        (aws.get("apigateway", "/v2/apis").await.json(), "items", "name"),
    ];
    let mut names: Vec<String> = lists.iter().flat_map(|(told, list, field)| named(told, list, field)).collect();
    let buckets = aws.get("s3", "/").await.text();
    let roles = aws.query("iam", "2010-05-08", "Action=ListRoles").await;
    let listed = xml::texts(&buckets, "Name").into_iter().chain(xml::texts(&roles, "RoleName"));
    names.extend(listed.map(str::to_owned));
    let beginnings = [format!("{stack}-"), format!("/aws/lambda/{stack}-")];
    names.retain(|name| beginnings.iter().any(|beginning| name.starts_with(beginning.as_str())));
    names.sort();
    names
}

/// The names in a list: its texts, or a field of its objects. A queue's is the end of its address.
fn named(told: &Value, list: &str, field: &str) -> Vec<String> {
    let entries = told[list].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let texts = entries.iter().map(|entry| if field.is_empty() { entry } else { &entry[field] });
    let names = texts.map(|text| text.as_str().unwrap_or_else(|| panic!("{list}: {told}")));
    names
        .map(|name| if name.starts_with("http") { name.rsplit('/').next().unwrap_or(name) } else { name }.to_owned())
        .collect()
}
