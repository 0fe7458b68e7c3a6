//! `[server]`: where Offpeak listens and keeps its data.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::document::Document;
use super::flags::Flags;
use super::problem::Problems;
use super::value;

/// The largest body that may be allowed: with its frame it must fit into a batch of 200 MB.
const MAX_BODY_BYTES: u64 = 190_000_000;

/// Where Offpeak listens and keeps its data.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// `listen`: the address of the front door; port 0 takes a free one. Default `127.0.0.1:8080`.
    pub(crate) listen: SocketAddr,
    /// `data_dir`: created if it is not there. Default `./offpeak-data`.
    pub(crate) data_dir: PathBuf,
    /// `max_body_bytes`: the largest request body, bytes. Default 33,554,432 (32 MiB), at most 190,000,000.
    pub(crate) max_body_bytes: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: PathBuf::from("./offpeak-data"),
            max_body_bytes: 32 << 20,
        }
    }
}

impl Server {
    pub(super) fn read(document: &mut Document<'_>, flags: &Flags, problems: &mut Problems) -> Self {
        let mut section = document.table("server", problems);
        let mut server = Self::default();
        let listen = section.text("listen", problems);
        if let Some(listen) = problems.read_either(listen, flags.listen(), |text| value::address(text)) {
            server.listen = listen.value;
        }
        let not_empty =
            |text: &String| if text.is_empty() { Err("empty; write a path".to_owned()) } else { Ok(text.into()) };
        let data_dir = section.text("data_dir", problems);
        if let Some(data_dir) = problems.read(data_dir, not_empty) {
            server.data_dir = data_dir.value;
        }
        if let Some(data_dir) = &flags.data_dir {
            server.data_dir.clone_from(data_dir);
        }
        let bytes = section.number("max_body_bytes", problems);
        if let Some(bytes) = problems.read(bytes, |bytes| value::number(*bytes, &(1..=MAX_BODY_BYTES))) {
            server.max_body_bytes = usize::try_from(bytes.value).unwrap_or(usize::MAX);
        }
        section.finish(problems);
        server
    }
}
