//! The services of the emulator by their own wire: it asks for no signature, so a small client is enough.

use bytes::Bytes;
use hyper::Method;
use offpeak_tests::{Answer, Call, Http, PATIENCE, until};
use serde_json::Value;

use crate::{LONG, xml};

/// Where the services are.
#[derive(Debug, Clone)]
pub struct Aws {
    http: Http,
    url: String,
}

/// What a function answered to a direct invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its answer, or what it failed with.
    pub payload: Value,
    /// Whether it failed.
    pub failed: bool,
}

impl Aws {
    /// The services at this address.
    pub fn at(url: &str) -> Self {
        Self { http: Http::to(url), url: url.to_owned() }
    }

    /// The address of them all.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn signed(service: &str, call: Call) -> Call {
        let scope = format!("test/20260101/us-east-1/{service}/aws4_request");
        call.header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none"))
    }

    fn post(&self, service: &str, path: &str, body: impl Into<Bytes>) -> Call {
        Self::signed(service, self.http.post_bytes(path, body))
    }

    /// Calls a service that speaks JSON, by its `TARGET.Operation`.
    pub async fn json(&self, target: &str, input: &Value) -> Value {
        let service = match target.split('_').next() {
            Some("Logs") => "logs",
            Some("DynamoDB") => "dynamodb",
            _ if target.starts_with("AmazonSSM.") => "ssm",
            _ if target.starts_with("AmazonSQS.") => "sqs",
            _ if target.starts_with("TrentService.") => "kms",
            _ if target.starts_with("AWSEvents.") => "events",
            _ => panic!("whose is {target}?"),
        };
        let version = if matches!(service, "dynamodb" | "sqs") { "1.0" } else { "1.1" };
        let call = self.post(service, "/", input.to_string()).header("x-amz-target", target);
        let answer = call.header("content-type", format!("application/x-amz-json-{version}")).send().await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        answer.json()
    }

    /// Calls a service that speaks forms and XML. The fields need no encoding.
    pub async fn query(&self, service: &str, version: &str, fields: &str) -> String {
        let call = self.post(service, "/", format!("Version={version}&{fields}"));
        let answer = call.header("content-type", "application/x-www-form-urlencoded").send().await;
        assert_eq!(answer.status, 200, "{fields}: {answer:?}");
        answer.text()
    }

    /// Reads from a service that speaks plain HTTP.
    pub async fn get(&self, service: &str, path: &str) -> Answer {
        let answer = Self::signed(service, self.http.get(path)).send().await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer
    }

    /// Changes something of a service that speaks JSON by paths.
    pub async fn put(&self, service: &str, path: &str, body: &Value) {
        let call = Self::signed(service, self.http.call(Method::PUT, path)).body(body.to_string());
        let answer = call.header("content-type", "application/json").send().await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }

    /// Invokes a function and waits for its answer.
    pub async fn invoke(&self, function: &str, event: &Value) -> Invocation {
        self.try_invoke(function, event).await.unwrap_or_else(|error| panic!("{function}: {error}"))
    }

    /// The same.
    ///
    /// # Errors
    /// Why it was not invoked, or did not answer.
    pub async fn try_invoke(&self, function: &str, event: &Value) -> Result<Invocation, String> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = self.post("lambda", &path, event.to_string()).within(LONG).try_send().await?;
        if answer.status != 200 {
            return Err(format!("{answer:?}"));
        }
        let failed = !answer.header("x-amz-function-error").is_empty();
        Ok(Invocation { payload: serde_json::from_slice(&answer.body).unwrap_or(Value::Null), failed })
    }

    /// Every item of a table.
    pub async fn items(&self, table: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut input = serde_json::json!({"TableName": table});
        loop {
            let mut page = self.json("DynamoDB_20120810.Scan", &input).await;
            items.append(page["Items"].as_array_mut().expect("items"));
            if page["LastEvaluatedKey"].is_null() {
                return items;
            }
            input["ExclusiveStartKey"] = page["LastEvaluatedKey"].take();
        }
    }

    /// The names of a bucket's objects, the first thousand.
    pub async fn objects(&self, bucket: &str) -> Vec<String> {
        self.objects_under(bucket, "").await
    }

    /// The same of those whose names begin so.
    pub async fn objects_under(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let answer = self.get("s3", &format!("/{bucket}?list-type=2&prefix={prefix}")).await;
        xml::texts(&answer.text(), "Key").into_iter().map(xml::plain).collect()
    }

    /// Stores an object, by its path with its bucket.
    pub async fn put_object(&self, path: &str, content: impl Into<Bytes>) {
        let answer = Self::signed("s3", self.http.call(Method::PUT, path)).body(content).send().await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }

    /// An object, if it is there.
    pub async fn object(&self, path: &str) -> Option<Bytes> {
        let answer = Self::signed("s3", self.http.get(path)).send().await;
        assert!(matches!(answer.status, 200 | 404), "{path}: {answer:?}");
        (answer.status == 200).then_some(answer.body)
    }

    /// How many instances an Auto Scaling group is to have.
    pub async fn desired_capacity(&self, group: &str) -> u64 {
        let fields = format!("Action=DescribeAutoScalingGroups&AutoScalingGroupNames.member.1={group}");
        let told = self.query("autoscaling", "2011-01-01", &fields).await;
        xml::text(&told, "DesiredCapacity").parse().expect("a number")
    }

    /// Deletes a stack, and what it does not retain. `sam delete` reads addresses of nested templates as AWS has them.
    pub async fn delete_stack(&self, name: &str) {
        self.query("cloudformation", "2010-05-15", &format!("Action=DeleteStack&StackName={name}")).await;
        let ended = ["DELETE_COMPLETE", "DELETE_FAILED"];
        let status = until("the end of a stack", PATIENCE, async || {
            let told = self.query("cloudformation", "2010-05-15", "Action=ListStacks").await;
            let stacks = told.split("<member>").filter(|stack| xml::texts(stack, "StackName") == [name]);
            let states: Vec<String> = stacks.map(|stack| xml::text(stack, "StackStatus").to_owned()).collect();
            states.into_iter().find(|state| ended.contains(&state.as_str()))
        })
        .await;
        assert_eq!(status, "DELETE_COMPLETE");
    }
}
