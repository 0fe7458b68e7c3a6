//! The recorder's files and batches: as little of a Batch API as a gateway needs.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::Recorded;

/// Files by id, and batches in order.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    files: BTreeMap<String, Bytes>,
    inputs: Vec<Bytes>,
    batches: Vec<Value>,
}

impl Shelf {
    /// Every line that was uploaded.
    pub(crate) fn input_lines(&self) -> Vec<String> {
        let texts = self.inputs.iter().map(|input| String::from_utf8_lossy(input).into_owned());
        texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// Answers a call about files and batches; nothing else is known here.
    pub(crate) fn answer(&mut self, call: &Recorded, answer: &str) -> Option<Bytes> {
        let path: Vec<&str> = call.path.split('?').next()?.trim_start_matches("/v1/").split('/').collect();
        let answer = match (call.method.as_str(), path.as_slice()) {
            ("POST", ["files"]) => self.upload(call)?,
            ("GET", ["files", id, "content"]) => return self.files.get(*id).cloned(),
            ("DELETE", ["files", id]) => json!({"id": id, "object": "file", "deleted": true}),
            ("POST", ["batches"]) => self.create(&call.body, answer)?,
            ("GET", ["batches"]) => json!({"object": "list", "data": self.batches, "has_more": false}),
            ("GET", ["batches", id]) => self.batches.iter().find(|batch| batch["id"] == *id)?.clone(),
            _ => return None,
        };
        Some(answer.to_string().into())
    }

    fn keep(&mut self, content: Bytes) -> String {
        let id = format!("file-{}", self.files.len());
        self.files.insert(id.clone(), content);
        id
    }

    /// Takes the file out of the form.
    fn upload(&mut self, call: &Recorded) -> Option<Value> {
        let kind = call.headers.get("content-type")?.to_str().ok()?;
        let boundary = format!("--{}", kind.split_once("boundary=")?.1.trim_matches('"'));
        let form = std::str::from_utf8(&call.body).ok()?;
        let part = form.split(&boundary).find(|part| part.contains("name=\"file\""))?;
        let content = part.split_once("\r\n\r\n")?.1.strip_suffix("\r\n")?;
        let content = Bytes::copy_from_slice(content.as_bytes());
        self.inputs.push(content.clone());
        Some(json!({"id": self.keep(content), "object": "file", "purpose": "batch"}))
    }

    /// A batch that is completed at once: its output has the answer for every line.
    fn create(&mut self, body: &[u8], answer: &str) -> Option<Value> {
        let order: Value = serde_json::from_slice(body).ok()?;
        let input = self.files.get(order["input_file_id"].as_str()?)?.clone();
        let mut output = String::new();
        let mut count = 0;
        for line in std::str::from_utf8(&input).ok()?.lines() {
            // The line as a whole may hold numbers that no `Value` can.
            let id = line.split_once(r#""custom_id":""#)?.1.split_once('"')?.0;
            let head = r#""response":{"status_code":200,"request_id":"q","body":"#;
            output.extend([r#"{"id":"r","custom_id":""#, id, r#"","#, head, answer, "},\"error\":null}\n"]);
            count += 1;
        }
        let output = self.keep(output.into());
        let batch = json!({
            "id": format!("batch-{}", self.batches.len()), "object": "batch", "status": "completed",
            "input_file_id": order["input_file_id"], "endpoint": order["endpoint"], "metadata": order["metadata"],
            "output_file_id": output, "created_at": 1_700_000_000, "completion_window": "24h",
            "request_counts": {"total": count, "completed": count, "failed": 0},
        });
        self.batches.push(batch.clone());
        Some(batch)
    }
}
