//! What a stack makes, without a stack: tables, one queue and a bucket of a test's own.

use std::collections::BTreeMap;

use hyper::Method;
use offpeak_tests::Http;
use serde_json::{Value, json};

use crate::Aws;

/// The one class that has a queue.
const CLASS: &str = "soon";

/// A key's name and its kind, `S` or `B`.
type Key = (&'static str, &'static str);

/// Tables, a queue and a bucket, by their names.
#[derive(Debug, Clone)]
pub struct Tables {
    name: String,
    /// The queue's address.
    pub queue: String,
}

impl Tables {
    /// Makes them; the name must be fresh.
    pub async fn create(aws: &Aws, name: &str) -> Self {
        table(aws, &format!("{name}-jobs"), &[("id", "B")], None).await;
        let open = ("open", [("open", "S"), ("id", "B")]);
        table(aws, &format!("{name}-submissions"), &[("id", "B")], Some(open)).await;
        table(aws, &format!("{name}-classes"), &[("class", "S")], None).await;
        table(aws, &format!("{name}-keys"), &[("kind", "S"), ("hash", "B")], None).await;
        table(aws, &format!("{name}-usage"), &[("submission", "B"), ("tenant", "S")], None).await;
        table(aws, &format!("{name}-credentials"), &[("name", "S")], None).await;
        let queue = aws.json("AmazonSQS.CreateQueue", &json!({"QueueName": name})).await;
        let scope = "Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none";
        let bucket = Http::to(aws.url()).call(Method::PUT, &format!("/{name}"));
        let made = bucket.header("authorization", format!("AWS4-HMAC-SHA256 {scope}")).send().await;
        assert_eq!(made.status, 200, "{made:?}");
        Self { name: name.to_owned(), queue: queue["QueueUrl"].as_str().expect("a queue").to_owned() }
    }

    /// A table by its noun.
    pub fn table(&self, noun: &str) -> String {
        format!("{}-{noun}", self.name)
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.name
    }

    /// The queues by their classes.
    pub fn queues(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(CLASS.to_owned(), self.queue.clone())])
    }

    /// The variables that name them to a function.
    pub fn variables(&self) -> [(&'static str, String); 8] {
        [
            ("OFFPEAK_JOBS_TABLE", self.table("jobs")),
            ("OFFPEAK_SUBMISSIONS_TABLE", self.table("submissions")),
            ("OFFPEAK_CLASSES_TABLE", self.table("classes")),
            ("OFFPEAK_KEYS_TABLE", self.table("keys")),
            ("OFFPEAK_USAGE_TABLE", self.table("usage")),
            ("OFFPEAK_CREDENTIALS_TABLE", self.table("credentials")),
            ("OFFPEAK_BUCKET", self.name.clone()),
            ("OFFPEAK_QUEUES", format!("{CLASS}={}", self.queue)),
        ]
    }
}

async fn table(aws: &Aws, name: &str, keys: &[Key], index: Option<(&str, [Key; 2])>) {
    let indexed = index.as_ref().map_or(&[][..], |(_, keys)| keys);
    let attributes: BTreeMap<&str, &str> = keys.iter().chain(indexed).copied().collect();
    let attributes = attributes.iter().map(|(key, kind)| json!({"AttributeName": key, "AttributeType": kind}));
    let mut input = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes.collect::<Vec<_>>(),
        "KeySchema": schema(keys),
    });
    if let Some((index, keys)) = index {
        let projection = json!({"ProjectionType": "KEYS_ONLY"});
        input["GlobalSecondaryIndexes"] =
            json!([{"IndexName": index, "KeySchema": schema(&keys), "Projection": projection}]);
    }
    aws.json("DynamoDB_20120810.CreateTable", &input).await;
}

fn schema(keys: &[Key]) -> Vec<Value> {
    let kinds = ["HASH", "RANGE"];
    keys.iter().zip(kinds).map(|((key, _), kind)| json!({"AttributeName": key, "KeyType": kind})).collect()
}
