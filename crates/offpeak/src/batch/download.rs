//! A file on its way to the disk: whole there, or not at all under its name. What was cut goes on where it was cut.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use http::{HeaderMap, StatusCode};
use reqwest::{RequestBuilder, Response};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::client::Client;
use super::failure::Failure;
use super::tries::Tries;
use super::wire;

/// Fetches a file's content into a place.
///
/// # Errors
/// It cannot be had, or not be written.
pub(super) async fn download(client: &Client, file: &str, place: &Path) -> anyhow::Result<()> {
    let fetched = async {
        let mut partial = Partial::begin(place).await?;
        let mut tries = Tries::of(client, "fetching a file");
        loop {
            let had = partial.bytes;
            let Err(failure) = partial.go_on(client, file).await else { break };
            if had > 0 && partial.bytes > had {
                tries.went_on();
            }
            tries.again(failure).await?;
        }
        Ok::<_, Failure>(partial.finish(place).await?)
    };
    fetched.await.with_context(|| format!("could not fetch {file} to {}", place.display()))
}

/// What has come so far, under a name of its own.
struct Partial {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// By which the server tells that it is the same content.
    tag: Option<String>,
}

impl Partial {
    async fn begin(place: &Path) -> std::io::Result<Self> {
        let mut path = place.as_os_str().to_owned();
        path.push(format!(".{}.part", std::process::id()));
        let path = PathBuf::from(path);
        let file = File::create(&path).await?;
        Ok(Self { path, file, bytes: 0, tag: None })
    }

    /// Asks for what is missing, and takes it.
    async fn go_on(&mut self, client: &Client, file: &str) -> Result<(), Failure> {
        let response = match client.send(self.request(client, file)).await {
            Ok(response) => response,
            Err(failure) if failure.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE.as_u16()) => {
                self.restart().await?;
                return Err(Failure::Unanswered("there is less of the file than before".to_owned()));
            }
            Err(failure) => return Err(failure),
        };
        if !self.continues_with(&response) {
            self.restart().await?;
        }
        if response.status() == StatusCode::PARTIAL_CONTENT && self.bytes == 0 {
            return Err(Failure::Unanswered("a part came that was not asked for".to_owned()));
        }
        self.tag = strong_tag(response.headers());
        let said = length(response.headers()).map(|length| self.bytes + length);
        self.take(response).await?;
        self.is_whole(client, file, said).await
    }

    fn request(&self, client: &Client, file: &str) -> RequestBuilder {
        let mut request = client.get(&["files", file, "content"], &[]);
        if self.bytes > 0 {
            request = request.header(RANGE, format!("bytes={}-", self.bytes));
            if let Some(tag) = &self.tag {
                request = request.header(IF_RANGE, tag);
            }
        }
        request
    }

    async fn take(&mut self, mut response: Response) -> Result<(), Failure> {
        while let Some(piece) = response.chunk().await.map_err(Failure::of)? {
            self.file.write_all(&piece).await?;
            self.bytes += piece.len() as u64;
        }
        Ok(())
    }

    /// Whether an answer begins where this ends.
    fn continues_with(&self, response: &Response) -> bool {
        let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
        let begins = format!("bytes {}-", self.bytes);
        self.bytes == 0
            || (response.status() == StatusCode::PARTIAL_CONTENT
                && range.is_some_and(|range| range.starts_with(&begins)))
    }

    async fn restart(&mut self) -> std::io::Result<()> {
        // A write under way would land in what comes next.
        self.file.flush().await?;
        self.file = File::create(&self.path).await?;
        (self.bytes, self.tag) = (0, None);
        Ok(())
    }

    /// A transfer without a length ends early without a sign: then the server is asked how long the file is.
    async fn is_whole(&mut self, client: &Client, file: &str, said: Option<u64>) -> Result<(), Failure> {
        let whole = match said {
            Some(said) => Some(said),
            None => client.json::<wire::File>(client.get(&["files", file], &[])).await?.bytes,
        };
        if whole.is_none_or(|whole| whole == self.bytes) {
            return Ok(());
        }
        if whole.is_some_and(|whole| whole < self.bytes) {
            self.restart().await?;
        }
        Err(Failure::Unanswered("the file came in part only".to_owned()))
    }

    async fn finish(mut self, place: &Path) -> std::io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        tokio::fs::rename(&self.path, place).await
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After its renaming there is nothing under this name.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn strong_tag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    tag.starts_with('"').then(|| tag.to_owned())
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
