//! Names: where they lead is checked, and nothing else is called.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use offpeak_core::ports::{Deliver as _, Delivered, Forbidden, NotAdmitted, Silence};
use offpeak_webhook::{Client, Config, Resolve};

use crate::receiver::{Receiver, Trap};
use crate::{NOW_S, config, delivery, near, resolving, strict};

/// A public address, which no test calls.
const OUTSIDE: &str = "93.184.215.14";

/// Answers as scripted, the last for ever; an empty script never answers.
struct Script {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
    last: Mutex<String>,
}

impl Script {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        let answers = answers.iter().map(parsed).collect();
        Arc::new(Self { answers, asked: AtomicUsize::new(0), last: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolve for Script {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        host.clone_into(&mut self.last.lock().unwrap());
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        match self.answers.get(before).or(self.answers.last()) {
            Some(answer) => Ok(answer.clone()),
            None => std::future::pending().await,
        }
    }
}

/// Knows no host.
struct Nobody;

#[async_trait]
impl Resolve for Nobody {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("no such host"))
    }
}

fn url(scheme: &str, port: u16) -> String {
    format!("{scheme}://hooks.example.com:{port}/")
}

#[tokio::test]
async fn a_name_that_leads_inside_later_is_not_followed() {
    for inside in ["127.0.0.1", "::ffff:127.0.0.1"] {
        let trap = Trap::new();
        let script = Script::new(&[&[OUTSIDE], &[inside]]);
        let client = strict(&script);
        let url = url("https", trap.address().port());
        assert_eq!(client.admit(&url).await, Ok(()));
        assert_eq!(client.deliver(&delivery(&url), NOW_S).await, Delivered::Forbidden(Forbidden::Address));
        assert!(trap.is_untouched());
        assert_eq!((script.asked(), script.last.lock().unwrap().as_str()), (2, "hooks.example.com"));
    }
}

#[tokio::test]
async fn one_address_inside_forbids_the_name_wherever_it_stands() {
    for answer in [[OUTSIDE, "127.0.0.1"], ["127.0.0.1", OUTSIDE], [OUTSIDE, "fd00:ec2::254"]] {
        let trap = Trap::new();
        let client = strict(&Script::new(&[&answer]));
        let url = url("https", trap.address().port());
        assert_eq!(client.admit(&url).await, Err(NotAdmitted::Forbidden(Forbidden::Address)));
        assert_eq!(client.deliver(&delivery(&url), NOW_S).await, Delivered::Forbidden(Forbidden::Address));
        assert!(trap.is_untouched());
    }
}

/// Were a name resolved once to be checked and once to be called, the second answer would be called.
#[tokio::test]
async fn what_was_checked_is_what_is_called() {
    let mut receiver = Receiver::saying(200).await;
    let port = receiver.address.port();
    let script = Script::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let client = resolving(&config(true), &script);
    let delivered = client.deliver(&delivery(url("http", port)), NOW_S).await;
    assert_eq!(delivered, Delivered::Answered { status: 200 });
    assert_eq!(receiver.call().await.header("host"), format!("hooks.example.com:{port}"));
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn the_next_address_is_tried_where_the_first_is_dead() {
    let mut receiver = Receiver::saying(200).await;
    let script = Script::new(&[&["::1", "127.0.0.1"]]);
    let client = resolving(&config(true), &script);
    let delivered = client.deliver(&delivery(url("http", receiver.address.port())), NOW_S).await;
    assert_eq!(delivered, Delivered::Answered { status: 200 });
    receiver.call().await;
}

#[tokio::test]
async fn however_a_name_is_spelled_it_is_looked_up_here() {
    for host in ["LOCALHOST", "localhost.", "hooks.example.com.", "b%C3%BCcher.example", "metadata.google.internal"] {
        let script = Script::new(&[&["127.0.0.1"]]);
        let delivered = strict(&script).deliver(&delivery(format!("https://{host}/")), NOW_S).await;
        assert_eq!((delivered, script.asked()), (Delivered::Forbidden(Forbidden::Address), 1), "{host}");
    }
}

#[tokio::test]
async fn the_systems_resolver_is_checked_like_any() {
    let mut receiver = Receiver::saying(200).await;
    let port = receiver.address.port();
    let strict = Client::new(&config(false)).unwrap();
    let inside = format!("https://localhost:{port}/");
    assert_eq!(strict.admit(&inside).await, Err(NotAdmitted::Forbidden(Forbidden::Address)));
    assert_eq!(strict.deliver(&delivery(&inside), NOW_S).await, Delivered::Forbidden(Forbidden::Address));
    assert!(receiver.has_no_more());
    let near = near().deliver(&delivery(format!("http://localhost:{port}/")), NOW_S).await;
    assert_eq!(near, Delivered::Answered { status: 200 });
    receiver.call().await;
}

#[tokio::test]
async fn a_name_without_an_address_is_unresolvable() {
    for client in [strict(&Arc::new(Nobody)), strict(&Script::new(&[&[]]))] {
        let url = url("https", 443);
        assert_eq!(client.admit(&url).await, Err(NotAdmitted::Unresolvable));
        let delivered = client.deliver(&delivery(&url), NOW_S).await;
        assert_eq!(delivered, Delivered::Unanswered(Silence::Unresolvable));
    }
}

#[tokio::test]
async fn a_resolver_that_never_answers_is_not_waited_for() {
    let config = Config { connect_timeout: Duration::from_millis(50), ..config(false) };
    let client = resolving(&config, &Script::new(&[]));
    let url = url("https", 443);
    assert_eq!(client.admit(&url).await, Err(NotAdmitted::Unresolvable));
    let delivered = client.deliver(&delivery(&url), NOW_S).await;
    assert_eq!(delivered, Delivered::Unanswered(Silence::Unreachable));
}

#[tokio::test]
async fn an_address_in_the_url_is_not_looked_up() {
    let script = Script::new(&[&["127.0.0.1"]]);
    assert_eq!(strict(&script).admit(&format!("https://{OUTSIDE}/")).await, Ok(()));
    assert_eq!(script.asked(), 0);
}
