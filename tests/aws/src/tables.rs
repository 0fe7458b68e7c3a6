//! What a stack makes, without a stack: tables, one queue and a bucket of a test's own.

use std::collections::BTreeMap;

use hyper::Method;
use offpeak_tests::Http;
use serde_json::{Value, json};

use crate::Aws;

/// The one class that has a queue.
const CLASS: &str = "soon";

/// A key's name and its kind, `S`, `B` or `N`.
type Key = (&'static str, &'static str);

/// An index's name, its keys and its projection.
type Index = (&'static str, [Key; 2], &'static str);

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
        let by_tenant = |projection| ("by-tenant", [("tenant", "S"), ("born", "B")], projection);
        let open = |order| ("open", [("open", "S"), (order, "B")], "KEYS_ONLY");
        let made = async |noun: &str, keys: &[Key], indexes: &[Index]| {
            table(aws, &format!("{name}-{noun}"), keys, indexes).await;
        };
        made("jobs", &[("id", "B")], &[]).await;
        made("submissions", &[("id", "B")], &[open("id")]).await;
        made("files", &[("id", "B")], &[by_tenant("ALL")]).await;
        made("uploads", &[("id", "B")], &[]).await;
        made("batches", &[("id", "B")], &[by_tenant("KEYS_ONLY"), open("born")]).await;
        made("receivers", &[("id", "B")], &[]).await;
        made("notices", &[("id", "B")], &[by_tenant("ALL"), open("due")]).await;
        made("classes", &[("class", "S")], &[]).await;
        made("keys", &[("kind", "S"), ("hash", "B")], &[]).await;
        made("usage", &[("submission", "B"), ("tenant", "S")], &[]).await;
        made("credentials", &[("name", "S")], &[]).await;
        let queue = aws.json("AmazonSQS.CreateQueue", &json!({"QueueName": name})).await;
        let scope = "Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none";
        let bucket = Http::to(aws.url()).call(Method::PUT, &format!("/{name}"));
        let made = bucket.header("authorization", format!("AWS4-HMAC-SHA256 {scope}")).send().await;
        assert_eq!(made.status, 200, "{made:?}");
        Self { name: name.to_owned(), queue: queue["QueueUrl"].as_str().expect("a queue").to_owned() }
    }

    /// Makes the table of chunks too, which a stack has for own model servers and live calls; its name.
    pub async fn chunks(&self, aws: &Aws) -> String {
        let name = self.table("chunks");
        let open = ("open", [("model", "S"), ("turn", "B")], "ALL");
        table(aws, &name, &[("submission", "S"), ("index", "N")], &[open]).await;
        name
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
    pub fn variables(&self) -> [(&'static str, String); 13] {
        [
            ("OFFPEAK_JOBS_TABLE", self.table("jobs")),
            ("OFFPEAK_SUBMISSIONS_TABLE", self.table("submissions")),
            ("OFFPEAK_FILES_TABLE", self.table("files")),
            ("OFFPEAK_UPLOADS_TABLE", self.table("uploads")),
            ("OFFPEAK_BATCHES_TABLE", self.table("batches")),
            ("OFFPEAK_RECEIVERS_TABLE", self.table("receivers")),
            ("OFFPEAK_NOTICES_TABLE", self.table("notices")),
            ("OFFPEAK_CLASSES_TABLE", self.table("classes")),
            ("OFFPEAK_KEYS_TABLE", self.table("keys")),
            ("OFFPEAK_USAGE_TABLE", self.table("usage")),
            ("OFFPEAK_CREDENTIALS_TABLE", self.table("credentials")),
            ("OFFPEAK_BUCKET", self.name.clone()),
            ("OFFPEAK_QUEUES", format!("{CLASS}={}", self.queue)),
        ]
    }
}

async fn table(aws: &Aws, name: &str, keys: &[Key], indexes: &[Index]) {
    let of_indexes = indexes.iter().flat_map(|(_, keys, _)| keys);
    let attributes: BTreeMap<&str, &str> = keys.iter().chain(of_indexes).copied().collect();
    let attributes = attributes.iter().map(|(key, kind)| json!({"AttributeName": key, "AttributeType": kind}));
    let mut input = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes.collect::<Vec<_>>(),
        "KeySchema": schema(keys),
    });
    let indexes = indexes.iter().map(|(index, keys, projection)| {
        let projection = json!({"ProjectionType": projection});
        json!({"IndexName": index, "KeySchema": schema(keys), "Projection": projection})
    });
    let indexes: Vec<Value> = indexes.collect();
    if !indexes.is_empty() {
        input["GlobalSecondaryIndexes"] = json!(indexes);
    }
    aws.json("DynamoDB_20120810.CreateTable", &input).await;
}

fn schema(keys: &[Key]) -> Vec<Value> {
    let kinds = ["HASH", "RANGE"];
    keys.iter().zip(kinds).map(|((key, _), kind)| json!({"AttributeName": key, "KeyType": kind})).collect()
}
