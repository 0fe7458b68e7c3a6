//! A batch: many requests in one file, of several models, whose results come as one file. The code is as for OpenAI.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::traits::RequestOptionsBuilder;
use async_openai::types::InputSource;
use async_openai::types::batches::{
    Batch, BatchCompletionWindow, BatchEndpoint, BatchRequest, BatchRequestInput, BatchRequestInputMethod,
    BatchRequestOutput, BatchStatus, ListBatchesQueryArgs,
};
use async_openai::types::chat::CreateChatCompletionResponse;
use async_openai::types::files::{
    CreateFileRequest, FileInput, FilePurpose, ListFilesOrder, ListFilesQueryArgs, OpenAIFile, OpenAIFilePurpose,
};
use offpeak_examples::{expect, refused};
use serde_json::json;
use tokio::time::sleep;

const COUNT: usize = 40;
const MODELS: [&str; 2] = ["gpt-4.1-mini", "gpt-4.1-nano"];

/// One line. OpenAI takes one model in a file; here each line may name its own.
fn request(number: usize) -> Result<String> {
    let question = format!("Describe product {number}.");
    let line = BatchRequestInput {
        custom_id: format!("unit {number}"),
        method: BatchRequestInputMethod::POST,
        url: BatchEndpoint::V1ChatCompletions,
        body: Some(json!({
            "model": MODELS[number % 2],
            "messages": [{"role": "user", "content": question}],
        })),
    };
    Ok(serde_json::to_string(&line)? + "\n")
}

/// What is asked of the gateway here, more than once.
struct Catalogue(Client<OpenAIConfig>);

impl Catalogue {
    async fn store(&self, name: &str, content: &str) -> Result<OpenAIFile> {
        let source = InputSource::VecU8 { filename: name.to_owned(), vec: content.as_bytes().to_vec() };
        let file = FileInput { source };
        Ok(self.0.files().create(CreateFileRequest { file, purpose: FilePurpose::Batch, expires_after: None }).await?)
    }

    /// With an Idempotency-Key a repeat of this call, even by another process, finds the same batch.
    async fn create(&self, file: &OpenAIFile, key: &str) -> Result<Batch> {
        let asked = BatchRequest {
            input_file_id: file.id.clone(),
            endpoint: BatchEndpoint::V1ChatCompletions,
            completion_window: BatchCompletionWindow::W24H,
            metadata: Some([("team".to_owned(), json!("catalogue"))].into()),
            output_expires_after: None,
        };
        Ok(self.0.batches().header("Idempotency-Key", format!("{key} {}", file.id))?.create(asked).await?)
    }

    /// Asks for a batch until it has ended.
    async fn ended(&self, mut batch: Batch) -> Result<Batch> {
        use BatchStatus::{Cancelling, Finalizing, InProgress, Validating};
        while matches!(batch.status, Validating | InProgress | Finalizing | Cancelling) {
            sleep(Duration::from_millis(500)).await; // with a real provider: a minute
            batch = self.0.batches().retrieve(&batch.id).await?;
            println!("{:?} {:?}", batch.status, batch.request_counts);
        }
        Ok(batch)
    }

    async fn content(&self, id: &str) -> Result<String> {
        Ok(String::from_utf8(self.0.files().content(id).await?.to_vec())?)
    }

    /// The ids of all batches: this crate leaves it to its caller to go on from page to page.
    async fn batches(&self) -> Result<Vec<String>> {
        let mut ids: Vec<String> = Vec::new();
        loop {
            let mut query = ListBatchesQueryArgs::default().limit(1u32).build()?;
            query.after = ids.last().cloned();
            let page = self.0.batches().query(&query)?.list().await?;
            expect("batches on a page", page.data.len() <= 1, true)?;
            ids.extend(page.data.into_iter().map(|batch| batch.id));
            if !page.has_more {
                return Ok(ids);
            }
        }
    }

    /// The ids of the files for batches, the oldest first.
    async fn files(&self) -> Result<Vec<String>> {
        let mut ids: Vec<String> = Vec::new();
        loop {
            let mut query =
                ListFilesQueryArgs::default().limit(1u32).order(ListFilesOrder::Asc).purpose("batch").build()?;
            query.after = ids.last().cloned();
            let page = self.0.files().query(&query)?.list().await?;
            expect("files on a page", page.data.len() <= 1, true)?;
            ids.extend(page.data.into_iter().map(|file| file.id));
            if !page.has_more {
                return Ok(ids);
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let catalogue = Catalogue(Client::new());
    let file = comes_back(&catalogue).await?;
    let wrong = says_what_is_wrong(&catalogue).await?;
    is_listed(&catalogue, &file, &wrong).await?;

    let mistaken = catalogue.store("mistaken.jsonl", &request(COUNT)?).await?;
    let batch = catalogue.create(&mistaken, "mistaken").await?;
    match catalogue.0.batches().cancel(&batch.id).await {
        Ok(batch) => expect("end of a cancelled batch", catalogue.ended(batch).await?.status, BatchStatus::Cancelled)?,
        faster => expect("late cancellation", refused(faster)?, 409)?,
    }

    expect("deleted", catalogue.0.files().delete(&wrong.id).await?.deleted, true)?;
    expect("a deleted file", refused(catalogue.0.files().retrieve(&wrong.id).await)?, 404)?;
    println!("ok");
    Ok(())
}

/// A file, its batch and the answers.
async fn comes_back(catalogue: &Catalogue) -> Result<OpenAIFile> {
    let lines = (0..COUNT).map(request).collect::<Result<String>>()?;
    let file = catalogue.store("products of today.jsonl", &lines).await?;
    let file = catalogue.0.files().retrieve(&file.id).await?;
    let about = (file.filename.as_str(), file.bytes, &file.purpose);
    let bytes = u32::try_from(lines.len())?;
    expect("file", about, ("products of today.jsonl", Some(bytes), &OpenAIFilePurpose::Batch))?;
    expect("content", catalogue.content(&file.id).await?, lines)?;

    let batch = catalogue.create(&file, "products of").await?;
    expect("repeated batch", catalogue.create(&file, "products of").await?.id, batch.id.as_str())?;
    let batch = catalogue.ended(batch).await?;
    expect("status", &batch.status, &BatchStatus::Completed)?;
    let counts = batch.request_counts.context("counts")?;
    let wanted = u32::try_from(COUNT)?;
    expect("counts", (counts.total, counts.completed, counts.failed), (wanted, wanted, 0))?;
    expect("metadata", batch.metadata, Some(json!({"team": "catalogue"}).into()))?;
    expect("error file", batch.error_file_id, None)?;
    expect("tokens", batch.usage.context("usage")?.total_tokens > 0, true)?;

    let mut answers = BTreeMap::new();
    for line in catalogue.content(&batch.output_file_id.context("an output file")?).await?.lines() {
        let result: BatchRequestOutput = serde_json::from_str(line)?;
        let response = result.response.context("a response")?;
        expect("status of a line", (response.status_code, result.error), (200, None))?;
        let mut answer: CreateChatCompletionResponse = serde_json::from_value(response.body)?;
        answers.insert(result.custom_id, answer.choices.remove(0).message.content.context("content")?);
    }
    let wanted = (0..COUNT).map(|number| (format!("unit {number}"), format!("echo: Describe product {number}.")));
    expect("answers", answers, wanted.collect())?;

    expect("cancelling what has ended", refused(catalogue.0.batches().cancel(&batch.id).await)?, 409)?;
    Ok(file)
}

/// A batch whose input is wrong says so, line by line.
async fn says_what_is_wrong(catalogue: &Catalogue) -> Result<OpenAIFile> {
    let wrong = catalogue.store("wrong.jsonl", "{\"custom_id\": \"a\"}\nnot json\n").await?;
    let failed = catalogue.create(&wrong, "wrong").await?;
    let failed = catalogue.ended(failed).await?;
    expect("status", failed.status, BatchStatus::Failed)?;
    let errors = failed.errors.context("errors")?.data;
    let codes: Vec<_> = errors.iter().map(|error| (error.line, error.code.as_str())).collect();
    expect("errors", codes, vec![(Some(1), "missing_required_parameter"), (Some(2), "invalid_json_line")])?;
    Ok(wrong)
}

/// Both batches and both files are on the lists' pages.
async fn is_listed(catalogue: &Catalogue, file: &OpenAIFile, wrong: &OpenAIFile) -> Result<()> {
    let mut batches = Vec::new();
    for (file, key) in [(file, "products of"), (wrong, "wrong")] {
        batches.push(catalogue.create(file, key).await?.id);
    }
    let listed = catalogue.batches().await?;
    expect("listed batches", batches.iter().all(|id| listed.contains(id)), true)?;
    let listed = catalogue.files().await?;
    let at = |file: &OpenAIFile| listed.iter().position(|id| *id == file.id).context("a listed file");
    expect("order of the files", at(file)? < at(wrong)?, true)
}
