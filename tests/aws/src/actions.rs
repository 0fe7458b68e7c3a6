//! The action of IAM that a call needs, and how a policy names resources.

use crate::{Call, Stack};

const REGION: &str = "us-east-1:000000000000";

/// What IAM asks for: the action, and the resource's ARN.
///
/// Where an operation's name is not its action: the Service Authorization Reference of each service, read 2026-11-21.
pub fn action(call: &Call, stack: &Stack) -> (String, String) {
    let operation = call.operation.as_str();
    let resource = call.resource.as_str();
    match call.service.as_str() {
        "DynamoDB" => (format!("dynamodb:{operation}"), format!("arn:aws:dynamodb:{REGION}:table/{resource}")),
        "SQS" => {
            let operation = operation.strip_suffix("Batch").unwrap_or(operation);
            let queue = resource.rsplit('/').next().unwrap_or_default();
            (format!("sqs:{operation}"), format!("arn:aws:sqs:{REGION}:{queue}"))
        }
        "S3" => {
            let action = match operation {
                "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => "PutObject",
                "HeadObject" => "GetObject",
                "ListObjectsV2" => "ListBucket",
                same => same,
            };
            (format!("s3:{action}"), format!("arn:aws:s3:::{resource}"))
        }
        "SSM" => {
            (format!("ssm:{operation}"), format!("arn:aws:ssm:{REGION}:parameter{}", resource.trim_end_matches('/')))
        }
        "EventBridge" => (format!("events:{operation}"), format!("arn:aws:events:{REGION}:event-bus/{resource}")),
        "Auto Scaling" => {
            let group = format!("arn:aws:autoscaling:{REGION}:autoScalingGroup:id:autoScalingGroupName/{resource}");
            // Those that describe know no resources.
            let arn = if operation.starts_with("Describe") { "*".to_owned() } else { group };
            (format!("autoscaling:{operation}"), arn)
        }
        "KMS" => (format!("kms:{operation}"), resource.to_owned()),
        other => panic!("{} called {other}", stack.function(call.function)),
    }
}

/// The ARN of a resource by its name in the template, with what may follow: `Bucket/results/*`.
pub fn arn(stack: &Stack, resource: &str) -> String {
    let (logical, rest) = resource.split_at(resource.find('/').unwrap_or(resource.len()));
    let physical = stack.physical(logical);
    match logical {
        "Bucket" => format!("arn:aws:s3:::{physical}{rest}"),
        table if table.ends_with("Table") => format!("arn:aws:dynamodb:{REGION}:table/{physical}{rest}"),
        // A queue is known by its address.
        queue if queue.ends_with("Queue") => {
            format!("arn:aws:sqs:{REGION}:{}", physical.rsplit('/').next().unwrap_or_default())
        }
        other => panic!("what is the ARN of {other}?"),
    }
}
