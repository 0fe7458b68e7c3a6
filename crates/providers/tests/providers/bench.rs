//! temp
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use offpeak_providers::relay::{Config, Upstream};
use std::io::{Read as _, Write as _};
use std::time::Instant;

fn cpu_ns() -> u64 {
    std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse().unwrap()
}

fn server() -> String {
    let l = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1", l.local_addr().unwrap());
    std::thread::spawn(move || {
        loop {
            let (mut s, _) = l.accept().unwrap();
            s.set_nodelay(true).unwrap();
            std::thread::spawn(move || {
                let mut buf = vec![0; 65536];
                let mut have = 0;
                let reply = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: abc\r\ncontent-length: 700\r\n\r\n{}",
                    "y".repeat(700)
                );
                loop {
                    let n = s.read(&mut buf[have..]).unwrap_or(0);
                    if n == 0 {
                        return;
                    }
                    have += n;
                    if buf[..have].ends_with(b"ENDENDEND") {
                        have = 0;
                        s.write_all(reply.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    base
}
fn req(base: &str) -> http::Request<Full<Bytes>> {
    http::Request::post(format!("{base}/chat/completions"))
        .header("content-type", "application/json")
        .header("user-agent", "OpenAI/Python 3.52.0")
        .header("x-stainless-lang", "python")
        .header("accept", "application/json")
        .header("authorization", "Bearer x")
        .body(Full::from("x".repeat(500) + "ENDENDEND"))
        .unwrap()
}
#[test]
#[ignore = "temp"]
fn bench() {
    let base = server();
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    const N: u64 = 20000;
    for _ in 0..3 {
        rt.block_on(async {
            let up = Upstream::new(&Config::new(base.clone())).unwrap();
            let key = secrecy::SecretString::from("sk-abc");
            let (c, t) = (cpu_ns(), Instant::now());
            for _ in 0..N {
                let r = req("http://x/v1");
                up.send(Some(&key), r).await.unwrap().into_body().collect().await.unwrap();
            }
            println!("relay  cpu {} ns wall {} ns", (cpu_ns() - c) / N, t.elapsed().as_nanos() as u64 / N);
            let cl = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
                .build_http::<Full<Bytes>>();
            let (c, t) = (cpu_ns(), Instant::now());
            for _ in 0..N {
                cl.request(req(&base)).await.unwrap().into_body().collect().await.unwrap();
            }
            println!("legacy cpu {} ns wall {} ns", (cpu_ns() - c) / N, t.elapsed().as_nanos() as u64 / N);
        });
    }
}

fn proc_us() -> u64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<u64>().unwrap() + f[12].parse::<u64>().unwrap()) * 10_000
}
#[test]
#[ignore = "temp"]
fn multi() {
    let base = server();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    const N: u64 = 5000;
    const C: u64 = 16;
    for _ in 0..3 {
        rt.block_on(async {
            let up = std::sync::Arc::new(Upstream::new(&Config::new(base.clone())).unwrap());
            let (c, t) = (proc_us(), Instant::now());
            let hs: Vec<_> = (0..C)
                .map(|_| {
                    let up = up.clone();
                    tokio::spawn(async move {
                        let key = secrecy::SecretString::from("sk-abc");
                        for _ in 0..N {
                            let r = req("http://x/v1");
                            up.send(Some(&key), r).await.unwrap().into_body().collect().await.unwrap();
                        }
                    })
                })
                .collect();
            for h in hs {
                h.await.unwrap();
            }
            println!(
                "relay  cpu {} us/100 wall {} ns",
                (proc_us() - c) * 100 / (N * C),
                t.elapsed().as_nanos() as u64 / N / C
            );
            let cl = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
                .build_http::<Full<Bytes>>();
            let (c, t) = (proc_us(), Instant::now());
            let hs: Vec<_> = (0..C)
                .map(|_| {
                    let cl = cl.clone();
                    let base = base.clone();
                    tokio::spawn(async move {
                        for _ in 0..N {
                            cl.request(req(&base)).await.unwrap().into_body().collect().await.unwrap();
                        }
                    })
                })
                .collect();
            for h in hs {
                h.await.unwrap();
            }
            println!(
                "legacy cpu {} us/100 wall {} ns",
                (proc_us() - c) * 100 / (N * C),
                t.elapsed().as_nanos() as u64 / N / C
            );
        });
    }
}
