//! A large file in small parts: for a gateway behind which one call cannot carry all of it, as on AWS (4 MiB there).

use anyhow::{Context, Result};
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::InputSource;
use async_openai::types::files::OpenAIFilePurpose;
use async_openai::types::uploads::{
    AddUploadPartRequest, CompleteUploadRequest, CreateUploadRequestArgs, Upload, UploadPurpose, UploadStatus,
};
use md5::{Digest, Md5};
use offpeak_examples::{expect, refused};
use serde_json::json;

const PART_BYTES: usize = 64 * 1024; // on AWS: 4 * 1024 * 1024

async fn begin(client: &Client<OpenAIConfig>, name: &str, bytes: usize) -> Result<Upload> {
    let mut asked = CreateUploadRequestArgs::default();
    asked.filename(name).bytes(u64::try_from(bytes)?).mime_type("application/jsonl").purpose(UploadPurpose::Batch);
    let upload = client.uploads().create(asked.build()?).await?;
    expect("begun", matches!(upload.status, UploadStatus::Pending), true)?;
    Ok(upload)
}

fn part(data: &[u8]) -> AddUploadPartRequest {
    AddUploadPartRequest { data: InputSource::VecU8 { filename: "part".to_owned(), vec: data.to_vec() } }
}

#[tokio::main]
async fn main() -> Result<()> {
    let client = Client::new();
    let body = json!({"model": "text-embedding-3-small", "input": "hello ".repeat(20)});
    let line =
        |number| json!({"custom_id": format!("{number}"), "method": "POST", "url": "/v1/embeddings", "body": body});
    let content: String = (0..1_000).map(|number| format!("{}\n", line(number))).collect();

    // Parts may arrive in any order, and the last call says which comes first.
    let upload = begin(&client, "embeddings.jsonl", content.len()).await?;
    let mut part_ids = Vec::new();
    for data in content.as_bytes().chunks(PART_BYTES).rev() {
        let stored = client.uploads().add_part(&upload.id, part(data)).await?;
        expect("upload of the part", &stored.upload_id, &upload.id)?;
        part_ids.push(stored.id);
    }
    part_ids.reverse();
    println!("{} bytes in {} parts", content.len(), part_ids.len());
    let md5 = Md5::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    let upload = client.uploads().complete(&upload.id, CompleteUploadRequest { part_ids, md5: Some(md5) }).await?;
    expect("completed", matches!(upload.status, UploadStatus::Completed), true)?;
    let file = upload.file.context("a file")?;
    let bytes = u32::try_from(content.len())?;
    expect("file", (file.bytes, file.purpose), (Some(bytes), OpenAIFilePurpose::Batch))?;
    expect("content is as it was", client.files().content(&file.id).await? == content.as_bytes(), true)?;

    let upload = begin(&client, "never.jsonl", 11).await?;
    let upload = client.uploads().cancel(&upload.id).await?;
    expect("cancelled", matches!(upload.status, UploadStatus::Cancelled), true)?;
    expect("a late part", refused(client.uploads().add_part(&upload.id, part(b"late")).await)?, 400)?;
    println!("ok");
    Ok(())
}
