//! A submission of one line by hand: `try_openai BASE_URL KEY_FILE MODEL`. It costs what one short answer costs.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::ids::SubmissionId;
use offpeak_core::ports::{Backend as _, BatchPhase, CreateReply, Marker, NewBatch, Upload};
use offpeak_providers::openai::{Backend, Config};
use secrecy::SecretString;
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
#[expect(clippy::disallowed_methods, reason = "an example has no clock port")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base_url, key_file, model] = arguments.as_slice() else {
        return Err("usage: try_openai BASE_URL KEY_FILE MODEL".into());
    };
    let key = SecretString::from(std::fs::read_to_string(key_file)?.trim());
    let backend = Backend::new(&Config::new(base_url.as_str()))?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let submission = SubmissionId(now.as_nanos().to_be_bytes());
    let body = json!({"model": model, "messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 5});
    let line = json!({"custom_id": "job_1", "method": "POST", "url": "/v1/chat/completions", "body": body});
    let line = Bytes::from(format!("{line}\n"));
    let upload = Upload { submission, length: line.len() as u64, bytes: stream::iter([Ok(line)]).boxed() };
    let file = backend.upload(&key, upload).await?;
    println!("uploaded as {file}");

    let batch = NewBatch { submission, file: file.clone(), endpoint: Endpoint::ChatCompletions, timeout_ms: 60_000 };
    let reply = backend.create(&key, batch).await;
    println!("{reply:?}");
    let CreateReply::Created(batch) = reply else { return Err("not created".into()) };
    let since_ms = u64::try_from(now.as_millis())?;
    println!(
        "found by its marker: {:?}",
        backend.find(&key, Marker { submission, file: file.clone(), since_ms }).await?
    );

    let report = loop {
        let report = backend.poll(&key, &batch).await?;
        println!("{report:?}");
        if report.phase != BatchPhase::Running {
            break report;
        }
        tokio::time::sleep(Duration::from_secs(15)).await;
    };
    for home in &report.files {
        let pieces: Vec<Bytes> = backend.download(&key, &home.id).await?.bytes.try_collect().await?;
        println!("{}", String::from_utf8_lossy(&pieces.concat()));
        backend.delete(&key, &home.id).await?;
    }
    Ok(backend.delete(&key, &file).await?)
}
