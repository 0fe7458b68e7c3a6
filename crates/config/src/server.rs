//! `[server]`: where Offpeak listens and keeps its data.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::document::Document;
use crate::place::{Place, Surroundings};
use crate::problem::Problems;
use crate::value;

/// The largest body that may be allowed: with its frame it must fit into a batch of 200 MB.
const MAX_BODY_BYTES: u64 = 190_000_000;

/// The largest file that may be allowed: as large as one that comes in parts.
const MAX_FILE_BYTES: u64 = offpeak_core::flows::uploads::MAX_BYTES;

/// On Lambda, whose payload of 6 MB must hold a body in base64 and its headers (Lambda quotas, read 2026-11-20).
const LAMBDA_BODY_BYTES: u64 = 4 << 20;

/// Where Offpeak listens and keeps its data.
#[derive(Debug, Clone)]
pub struct Server {
    /// `listen`: the address of the front door; port 0 takes a free one. Default `127.0.0.1:8080`. On AWS refused, and
    /// nothing reads it.
    pub listen: SocketAddr,
    /// `data_dir`: created if it is not there. Default `./offpeak-data`. On AWS refused, and nothing reads it.
    pub data_dir: PathBuf,
    /// `max_body_bytes`: the largest request body, bytes. Default 33,554,432 (32 MiB), at most 190,000,000. On AWS
    /// 4,194,304 (4 MiB), which is the most there.
    pub max_body_bytes: usize,
    /// `max_file_bytes`: the largest file that one call may carry, bytes. Default 536,870,912 (512 MiB), at most 8 GiB.
    /// On AWS a call carries 4 MiB, whatever this says.
    pub max_file_bytes: u64,
}

impl Server {
    /// What holds where nothing is said.
    pub(crate) fn of(place: Place) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: PathBuf::from("./offpeak-data"),
            max_body_bytes: if place == Place::Lambda { 4 << 20 } else { 32 << 20 },
            max_file_bytes: 512 << 20,
        }
    }

    pub(crate) fn read(document: &mut Document<'_>, around: Surroundings<'_>, problems: &mut Problems) -> Self {
        let mut section = document.table("server", problems);
        let mut server = Self::of(around.place);
        let listen = section.text("listen", problems);
        around.only_on_a_machine(listen.iter().cloned().chain(around.flags.listen()), problems);
        if let Some(listen) = problems.read_either(listen, around.flags.listen(), |text| value::address(text)) {
            server.listen = listen.value;
        }
        let not_empty =
            |text: &String| if text.is_empty() { Err("empty; write a path".to_owned()) } else { Ok(text.into()) };
        let data_dir = section.text("data_dir", problems);
        around.only_on_a_machine(data_dir.clone(), problems);
        around.only_on_a_machine(around.flags.data_dir(), problems);
        if let Some(data_dir) = problems.read(data_dir, not_empty) {
            server.data_dir = data_dir.value;
        }
        if let Some(data_dir) = &around.flags.data_dir {
            server.data_dir.clone_from(data_dir);
        }
        let most = if around.place == Place::Lambda { LAMBDA_BODY_BYTES } else { MAX_BODY_BYTES };
        let bytes = section.number("max_body_bytes", problems);
        if let Some(bytes) = problems.read(bytes, |bytes| value::number(*bytes, &(1..=most))) {
            server.max_body_bytes = usize::try_from(bytes.value).unwrap_or(usize::MAX);
        }
        let bytes = section.number("max_file_bytes", problems);
        if let Some(bytes) = problems.read(bytes, |bytes| value::number(*bytes, &(1..=MAX_FILE_BYTES))) {
            server.max_file_bytes = bytes.value;
        }
        section.finish(problems);
        server
    }
}
