use offpeak_simulator::Faults;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::upstream::{Upstream, chat_lines, text};

async fn output(upstream: &Upstream) -> String {
    let batch = upstream.run(&chat_lines(40)).await;
    format!("/v1/files/{}/content", text(&batch, "/output_file_id"))
}

#[tokio::test]
async fn a_download_can_be_cut_halfway() {
    let upstream = Upstream::with_faults(Faults { download_truncate: 1, ..Faults::default() }).await;
    let path = output(&upstream).await;
    let cut = upstream.get(&path).await;
    let promised = cut.content_length().unwrap();
    assert!(cut.bytes().await.is_err());
    let whole = upstream.get(&path).await.bytes().await.unwrap();
    assert_eq!(promised, whole.len() as u64);
}

#[tokio::test]
async fn a_download_can_end_early_in_silence() {
    let upstream = Upstream::with_faults(Faults { download_short: 1, ..Faults::default() }).await;
    let path = output(&upstream).await;
    let short = upstream.get(&path).await;
    assert_eq!(short.content_length(), None);
    let short = short.text().await.unwrap();
    let whole = upstream.get(&path).await.text().await.unwrap();
    assert!(short.ends_with('\n') && whole.starts_with(&short));
    assert!((10..30).contains(&short.lines().count()), "{}", short.lines().count());
}

#[tokio::test]
async fn faults_can_be_read_and_exchanged_at_run_time() {
    let upstream = Upstream::sound().await;
    let faults = format!("{}/sim/faults", upstream.base);
    let put = |body: Value| upstream.client.put(&faults).json(&body).send();
    let set: Value = put(json!({ "fail_batches": 2 })).await.unwrap().json().await.unwrap();
    assert_eq!((&set["fail_batches"], &set["shuffle"]), (&json!(2), &json!(true)));
    upstream.run(&chat_lines(1)).await;
    let left: Value = upstream.client.get(&faults).send().await.unwrap().json().await.unwrap();
    assert_eq!(left["fail_batches"], 1);
    let unknown = put(json!({ "fail_bachtes": 2 })).await.unwrap();
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_reset_forgets_everything_but_the_options() {
    let upstream = Upstream::with_faults(Faults { fail_batches: 1, ..Faults::default() }).await;
    let batch = upstream.run(&chat_lines(1)).await;
    let reset = upstream.client.post(format!("{}/sim/reset", upstream.base)).send().await.unwrap();
    assert_eq!(reset.status(), StatusCode::NO_CONTENT);
    let counts: Value =
        upstream.client.get(format!("{}/sim/counts", upstream.base)).send().await.unwrap().json().await.unwrap();
    assert_eq!((&counts["batches_created"], &counts["files_present"]), (&json!(0), &json!(0)));
    assert_eq!(upstream.sim.faults().fail_batches, 1);
    let gone = upstream.get(&format!("/v1/batches/{}", text(&batch, "/id"))).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    assert_ne!(upstream.run(&chat_lines(1)).await["id"], batch["id"]);
}
