//! An EC2 instance as its metadata shows it, and the Auto Scaling API that it calls, on one port of this machine.

#![expect(clippy::expect_used, reason = "a fake: what cannot be served fails the test")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

const TOKEN: &str = "a-token";
const CREDENTIALS: &str = r#"{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"AKID","SecretAccessKey":"s",
    "Token":"t","LastUpdated":"2026-11-29T00:00:00Z","Expiration":"2099-01-01T00:00:00Z"}"#;

/// An instance `i-0123` of the group `s-spot` in `us-east-1`, in service. It is served as long as the process lives.
#[derive(Debug, Clone)]
pub struct Instance {
    url: String,
    metadata: Arc<Mutex<BTreeMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
    refusal: Arc<Mutex<Option<&'static str>>>,
    gives_tokens: bool,
}

impl Instance {
    /// One that is well.
    pub fn start() -> Self {
        Self::serve(true)
    }

    /// One whose metadata gives no tokens.
    pub fn without_tokens() -> Self {
        Self::serve(false)
    }

    fn serve(gives_tokens: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its port"));
        let said = [
            ("instance-id", "i-0123"),
            ("placement/region", "us-east-1"),
            ("tags/instance/offpeak-group", "s-spot"),
            ("autoscaling/target-lifecycle-state", "InService"),
            ("iam/security-credentials/", "role"),
            ("iam/security-credentials/role", CREDENTIALS),
        ];
        let metadata = said.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
        let metadata = Arc::new(Mutex::new(metadata));
        let instance = Self { url, metadata, asked: Arc::default(), refusal: Arc::default(), gives_tokens };
        let serving = instance.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || serving.answer(stream));
            }
        });
        instance
    }

    /// The address of its metadata, and of the Auto Scaling API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Has its metadata say something from now on, by the path after `/latest/meta-data/`.
    pub fn says(&self, path: &str, text: &str) {
        self.metadata.lock().insert(path.to_owned(), text.to_owned());
    }

    /// What the Auto Scaling API was asked, as forms.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }

    /// Has the Auto Scaling API answer everything with a `ValidationError` of this message.
    pub fn refuses(&self, message: &'static str) {
        *self.refusal.lock() = Some(message);
    }

    fn answer(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        let Some((first, headers, body)) = request(&mut reader) else { return };
        let (status, text) = self.reply(&first, &headers, &body);
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n", text.len());
        // Whoever asked may have ended.
        let _ = write!(reader.get_mut(), "{head}x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n{text}");
    }

    fn reply(&self, first: &str, headers: &BTreeMap<String, String>, body: &str) -> (u16, String) {
        let path = first.split(' ').nth(1).unwrap_or_default();
        if first.starts_with("PUT /latest/api/token") {
            let asks = headers.contains_key("x-aws-ec2-metadata-token-ttl-seconds");
            return if asks && self.gives_tokens { (200, TOKEN.to_owned()) } else { (403, String::new()) };
        }
        if let Some(path) = path.strip_prefix("/latest/meta-data/") {
            let shown = headers.get("x-aws-ec2-metadata-token").is_some_and(|token| token == TOKEN);
            let told = self.metadata.lock().get(path).cloned();
            return if shown { told.map_or((404, String::new()), |told| (200, told)) } else { (401, String::new()) };
        }
        self.asked.lock().push(body.to_owned());
        if let Some(message) = *self.refusal.lock() {
            let error = format!("<Error><Code>ValidationError</Code><Message>{message}</Message></Error>");
            return (400, format!("<ErrorResponse>{error}</ErrorResponse>"));
        }
        let action = body.split('&').find_map(|field| field.strip_prefix("Action=")).unwrap_or_default();
        (200, format!("<{action}Response><{action}Result/></{action}Response>"))
    }
}

/// A request's first line, its headers by lower-case names, and its body; nothing where the connection ended before.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, BTreeMap<String, String>, String)> {
    let (mut first, mut headers) = (String::new(), BTreeMap::new());
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, headers, String::from_utf8(body).ok()?))
}
