//! Calls passed through.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt as _, Empty, Full};
use offpeak_providers::relay::{Config, RelayError, ResponseBody, Upstream};
use secrecy::SecretString;

use crate::key;
use crate::stage::{Play, Seen, Stage, answer, no_tls, nobody, ok};

fn upstream(base_url: impl Into<String>) -> Upstream {
    Upstream::new(&Config::new(base_url)).unwrap()
}

fn get(path: &str) -> http::Request<Empty<Bytes>> {
    http::Request::get(path).body(Empty::new()).unwrap()
}

async fn text(response: Response<ResponseBody>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn names(seen: &Seen) -> Vec<&str> {
    let mut names: Vec<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn method_query_body_and_end_to_end_headers_pass() {
    let stage = Stage::saying(answer(
        207,
        &[("X-Kept", "1"), ("Keep-Alive", "timeout=5"), ("Connection", "x-hop, Keep-Alive"), ("X-Hop", "1")],
        "hi",
    ))
    .await;
    let request = http::Request::builder()
        .method("PATCH")
        .uri("https://gateway.example/v1/things/7%2F8?a=b&c=%20d")
        .header("host", "gateway.example")
        .header("authorization", "Bearer callers-own")
        .header("idempotency-key", "k")
        .header("content-type", "application/json")
        .header("content-length", "99")
        .header("openai-organization", "org")
        .header("connection", "X-Named, keep-alive , ,")
        .header("connection", "x-other")
        .header("x-named", "1")
        .header("x-other", "1")
        .header("keep-alive", "timeout=5")
        .header("proxy-connection", "keep-alive")
        .header("proxy-authorization", "Basic abc")
        .header("te", "trailers")
        .header("upgrade", "websocket")
        .header("expect", "100-continue")
        .header("x-offpeak-class", "nightly")
        .header("x-offpeak-tag", "t")
        .body(Full::from("{ \"a\" : 1 }"))
        .unwrap();
    let response = upstream(stage.base()).send(Some(&key()), request).await.unwrap();
    assert_eq!(response.status(), 207);
    assert_eq!(response.headers().get("x-kept").unwrap(), "1");
    for hop in ["x-hop", "keep-alive", "connection"] {
        assert!(!response.headers().contains_key(hop), "{hop}");
    }
    assert_eq!(text(response).await, "hi");
    let seen = stage.only();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("PATCH", "/v1/things/7%2F8?a=b&c=%20d"));
    assert_eq!(seen.text(), "{ \"a\" : 1 }");
    assert_eq!(
        names(&seen),
        ["authorization", "content-length", "content-type", "host", "idempotency-key", "openai-organization"]
    );
    assert_eq!(seen.header("authorization"), Some("Bearer sk-very-secret"));
    assert_eq!(seen.header("host"), Some(stage.origin().strip_prefix("http://").unwrap()));
    assert_eq!(seen.header("content-length"), Some("11"));
}

#[tokio::test]
async fn without_a_key_the_callers_authorization_passes() {
    let stage = Stage::saying(ok("")).await;
    let request =
        http::Request::post("/v1/x").header("authorization", "Bearer mine").body(Empty::<Bytes>::new()).unwrap();
    upstream(stage.base()).send(None, request).await.unwrap();
    assert_eq!(stage.only().header("authorization"), Some("Bearer mine"));
    assert_eq!(stage.only().header("content-length"), Some("0"));
}

#[tokio::test]
async fn the_base_path_takes_the_place_of_v1() {
    let stage = Stage::saying(ok("")).await;
    for (base, path, target) in [
        ("/v1", "/v1/models?limit=2", "/v1/models?limit=2"),
        ("/v1/", "/v1/models", "/v1/models"),
        ("/openai/v1", "/v1/models", "/openai/v1/models"),
        ("/v1beta/openai/", "/v1/chat/completions?x=%2F", "/v1beta/openai/chat/completions?x=%2F"),
        ("", "/v1/models", "/models"),
        ("/", "/v1", "/"),
        ("/v1", "/v1/a..b/.../%2E%2Ex", "/v1/a..b/.../%2E%2Ex"),
    ] {
        let before = stage.seen().len();
        upstream(format!("{}{base}", stage.origin())).send(None, get(path)).await.unwrap();
        assert_eq!(stage.seen()[before].target, target, "{base} {path}");
    }
}

#[tokio::test]
async fn a_path_that_leaves_v1_is_not_sent() {
    let upstream = upstream(nobody().await);
    for path in ["/", "/v2/x", "/v1x", "/v1/../admin", "/v1/a/%2e%2E/b", "/v1/.", "/v1/a/.%2e"] {
        assert_eq!(upstream.send(None, get(path)).await.unwrap_err(), RelayError::Path, "{path}");
    }
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused() {
    for base in ["", "/v1", "ftp://x/v1", "api.openai.com/v1", "https://user:pw@x/v1"] {
        assert_eq!(Upstream::new(&Config::new(base)).unwrap_err(), RelayError::Config, "{base}");
    }
    let bad = SecretString::from("a\nb");
    assert_eq!(upstream("https://x/v1").send(Some(&bad), get("/v1/x")).await.unwrap_err(), RelayError::Key);
}

#[tokio::test]
async fn calls_one_after_another_share_a_connection() {
    let stage = Stage::new(|seen, before| match before {
        0 => Play::Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec()),
        1 => Play::Say(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        _ if seen.method == "HEAD" => Play::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n".to_vec()),
        _ => Play::Say(ok("rest")),
    })
    .await;
    let upstream = upstream(stage.base());
    assert_eq!(text(upstream.send(None, get("/v1/a")).await.unwrap()).await, "abc");
    upstream.send(None, get("/v1/b")).await.unwrap();
    let head = http::Request::head("/v1/c").body(Empty::<Bytes>::new()).unwrap();
    let head = upstream.send(None, head).await.unwrap();
    assert_eq!(head.headers().get("content-length").unwrap(), "500");
    assert_eq!(text(head).await, "");
    let post = http::Request::post("/v1/d").body(Full::from("x".repeat(300_000))).unwrap();
    assert_eq!(text(upstream.send(None, post).await.unwrap()).await, "rest");
    assert_eq!(text(upstream.send(None, get("/v1/e")).await.unwrap()).await, "rest");
    let connections: Vec<usize> = stage.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0; 5]);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_unnoticed() {
    let stage = Stage::new(|_, _| Play::SayAndLeave(ok("bye"))).await;
    let upstream = upstream(stage.base());
    for _ in 0..20 {
        let post = http::Request::post("/v1/x").body(Full::from("{}")).unwrap();
        assert_eq!(text(upstream.send(None, post).await.unwrap()).await, "bye");
        // The close must have arrived: without that the call would be in flight when it does, and rightly fail.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(stage.seen().len(), 20);
}

#[tokio::test]
async fn a_call_that_was_begun_is_never_sent_again() {
    let stage = Stage::new(|_, before| match before {
        0 => Play::Say(ok("fine")),
        _ => Play::SayAndLeave(Vec::new()),
    })
    .await;
    let upstream = upstream(stage.base());
    assert_eq!(text(upstream.send(None, get("/v1/a")).await.unwrap()).await, "fine");
    assert_eq!(upstream.send(None, get("/v1/b")).await.unwrap_err(), RelayError::Cut);
    assert_eq!(stage.seen().len(), 2);
}

#[tokio::test]
async fn an_answer_cut_short_is_an_error_at_its_end() {
    let stage = Stage::new(|_, _| Play::SayAndLeave(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec())).await;
    let mut body = upstream(stage.base()).send(None, get("/v1/a")).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    assert_eq!(body.frame().await.unwrap().unwrap_err(), RelayError::Cut);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn limits_hold() {
    let silent = Stage::new(|_, _| Play::Silence).await;
    let config = Config {
        head_timeout: Duration::from_millis(100),
        connect_timeout: Duration::from_millis(50),
        most_calls: 1,
        ..Config::new(silent.base())
    };
    let upstream = Upstream::new(&config).unwrap();
    let (first, second) = tokio::join!(upstream.send(None, get("/v1/a")), upstream.send(None, get("/v1/b")));
    assert_eq!((first.unwrap_err(), second.unwrap_err()), (RelayError::TimedOut, RelayError::Saturated));
    assert_eq!(upstream.send(None, get("/v1/c")).await.unwrap_err(), RelayError::TimedOut);
    for base in [nobody().await, no_tls().await] {
        assert_eq!(self::upstream(base).send(None, get("/v1/a")).await.unwrap_err(), RelayError::Unreachable);
    }
}

#[tokio::test]
async fn idle_connections_expire() {
    let stage = Stage::saying(ok("x")).await;
    let upstream =
        Upstream::new(&Config { idle_timeout: Duration::from_millis(20), ..Config::new(stage.base()) }).unwrap();
    for _ in 0..2 {
        text(upstream.send(None, get("/v1/a")).await.unwrap()).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(stage.seen()[1].connection, 1);
}

async fn served(router: Router) -> Upstream {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = upstream(format!("http://{}/v1", listener.local_addr().unwrap()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    upstream
}

#[tokio::test]
async fn bodies_stream_both_ways_at_once() {
    let echo = |request: Request| async { Body::from_stream(request.into_body().into_data_stream()) };
    let upstream = served(Router::new().route("/v1/echo", any(echo))).await;
    let (ask, asked) = tokio::sync::mpsc::channel(1);
    let pieces = futures_util::stream::unfold(asked, |mut asked: tokio::sync::mpsc::Receiver<Bytes>| async {
        let piece = asked.recv().await?;
        Some((Ok::<_, RelayError>(piece), asked))
    });
    let request = http::Request::post("/v1/echo").body(Body::from_stream(pieces)).unwrap();
    ask.send(Bytes::from("first")).await.unwrap();
    let mut body = upstream.send(None, request).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    ask.send(Bytes::from("second")).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "second");
    drop(ask);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_caller_that_leaves_closes_the_upstream_connection() {
    let (alive, mut noticed) = tokio::sync::mpsc::channel::<()>(1);
    let alive = std::sync::Mutex::new(Some(alive));
    let endless = move |_: Request| {
        let alive = alive.lock().unwrap().take();
        async move {
            let pieces = futures_util::stream::unfold(alive, |alive| async {
                tokio::task::yield_now().await;
                Some((Ok::<_, RelayError>(Bytes::from_static(&[b'x'; 4096])), alive))
            });
            Body::from_stream(pieces)
        }
    };
    let endless = std::sync::Arc::new(endless);
    let route = any(move |request: Request| endless(request));
    let upstream = served(Router::new().route("/v1/endless", route)).await;
    let mut body = upstream.send(None, get("/v1/endless")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(noticed.recv().await, None, "the server has dropped what it was sending");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_calls_at_once_get_each_their_own_answer() {
    let echo = |request: Request| async { Body::from(request.into_body().collect().await.unwrap().to_bytes()) };
    let upstream = std::sync::Arc::new(served(Router::new().route("/v1/echo", any(echo))).await);
    let calls = (0..64_usize).map(|caller| {
        let upstream = std::sync::Arc::clone(&upstream);
        tokio::spawn(async move {
            for round in 0..50 {
                let said = format!("{caller}-{round}").repeat(1 + (caller * round) % 500);
                let request = http::Request::post("/v1/echo").body(Full::from(said.clone())).unwrap();
                assert_eq!(text(upstream.send(None, request).await.unwrap()).await, said);
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
}
