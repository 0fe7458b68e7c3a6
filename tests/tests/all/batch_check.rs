//! `offpeak batch check` and a gateway find the same wrong with a file, in the same words.

use offpeak_simulator::Faults;
use offpeak_tests::batches::{comes_to, create, input, line, store};
use offpeak_tests::{BatchClient, Gateway, Upstream};
use serde_json::{Value, json};

/// Lines with which something is wrong, each otherwise.
fn wrong() -> Vec<String> {
    let mut found = Vec::new();
    for field in ["custom_id", "method", "url", "body"] {
        let mut missing = line("no", 1, "gpt-a");
        missing.as_object_mut().unwrap().remove(field);
        found.push(missing.to_string());
    }
    for (path, value) in [
        ("/custom_id", json!(7)),
        ("/method", json!("GET")),
        ("/url", json!("/v1/embeddings")),
        ("/body", json!("text")),
        ("/body/model", json!("")),
        ("/body/messages", Value::Null),
        ("/body/stream", json!(true)),
    ] {
        let mut odd = line("odd", found.len(), "gpt-a");
        *odd.pointer_mut(path).unwrap_or(&mut Value::Null) = value.clone();
        if path == "/body/stream" {
            odd["body"]["stream"] = value;
        }
        found.push(odd.to_string());
    }
    found.extend([line("line", 0, "gpt-a").to_string(), "not json".to_owned(), "[1]".to_owned()]);
    found
}

/// An error of the server's as `check` prints it.
fn told(error: &Value) -> String {
    let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
    let place = error["line"].as_u64().map_or_else(|| "the file".to_owned(), |line| format!("line {line}"));
    format!("{place}: {}: {}", text("code"), text("message"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_offline_check_and_the_server_agree() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of("http://127.0.0.1:1/v1");
    let sound = input("line", 3, &["gpt-a"]);
    let mut files = vec![format!("{sound}{}\n", wrong().join("\n"))];
    files.extend(wrong().into_iter().map(|wrong| format!("{sound}\n \n{wrong}")));
    for text in files {
        client.input(&text);
        let checked = client.run(&["check", "in.jsonl"]).await;
        assert_eq!(checked.code, Some(2), "{checked:?}");
        let file = store(&gateway.http, &text).await.unwrap();
        let batch = create(&gateway.http, &file).await.unwrap();
        let failed = comes_to(&gateway.http, &batch, &["failed"]).await;
        let errors: Vec<String> = failed["errors"]["data"].as_array().unwrap().iter().map(told).collect();
        let mut lines: Vec<&str> = checked.out.lines().filter(|line| line.starts_with("line ")).collect();
        lines.sort_by_key(|line| line.split([' ', ':']).nth(1).and_then(|number| number.parse::<u64>().ok()));
        assert_eq!(errors.len(), lines.len(), "{errors:#?} {lines:#?}");
        for (error, line) in errors.iter().zip(lines) {
            assert!(line.starts_with(error), "{line} for {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sound_is_counted_and_runs() {
    let upstream = Upstream::sound().await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    let text = input("line", 5, &["gpt-a", "gpt-b"]);
    client.input(&text);
    let checked = client.run(&["check", "in.jsonl"]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let lines: Vec<&str> = checked.out.lines().collect();
    let start = format!("5 lines, {} bytes, 0 errors; about ", text.len());
    assert!(lines[0].starts_with(&start) && lines[0].contains("an estimate"), "{checked:?}");
    assert_eq!(lines[1..].iter().map(|line| line.trim()).collect::<Vec<_>>(), ["3  gpt-a", "2  gpt-b"]);
    assert_eq!(client.submit(&[]).await.code, Some(0));
    let strict = client.run(&["check", "in.jsonl", "--strict"]).await;
    assert_eq!(strict.code, Some(2));
    assert!(strict.out.starts_with("line 2: mismatched_model: "), "{strict:?}");
}

#[tokio::test]
async fn every_error_is_told_however_many_there_are() {
    let client = BatchClient::of("http://127.0.0.1:1/v1");
    let sound = line("line", 1, "gpt-a").to_string();
    client.input(&format!("{}\n", [sound.as_str(), "nonsense"].repeat(1_000).join("\n")));
    let checked = client.run(&["check", "in.jsonl"]).await;
    assert_eq!(checked.code, Some(2));
    let count = |code: &str| checked.out.lines().filter(|line| line.contains(code)).count();
    assert_eq!((count("invalid_json_line"), count("duplicate_custom_id")), (1_000, 999));
    assert!(checked.out.contains("\n2000 lines, "), "{}", checked.out);
    assert!(checked.out.contains("1999 errors"));
}

#[tokio::test]
async fn what_would_not_even_be_stored_is_told() {
    let upstream = Upstream::with(Faults::default()).await;
    let gateway = Gateway::before(&upstream).start().await;
    let client = BatchClient::of(&gateway.base_url());
    for (name, text) in [("in.json", input("line", 1, &["gpt-a"])), ("in.jsonl", "nonsense\n".to_owned())] {
        client.home.write(name, &text);
        let checked = client.run(&["check", name]).await;
        let told = "Invalid file format for Batch API. Must be .jsonl";
        assert!(checked.code == Some(2) && checked.out.contains(&format!("the file: {told}")), "{checked:?}");
        let sent = client.run(&["submit", name, "--endpoint", "/v1/chat/completions"]).await;
        assert!(sent.code == Some(1) && sent.err.contains(told), "{sent:?}");
    }
    client.input(" \n");
    let empty = client.run(&["check", "in.jsonl"]).await;
    assert!(empty.out.starts_with("the file: empty_file: The input file has no requests.\n"), "{empty:?}");
    client.input("{\"url\":\"/v1/videos\"}\n");
    let unknown = client.run(&["check", "in.jsonl"]).await;
    assert!(unknown.code == Some(1) && unknown.err.contains("/v1/videos"), "{unknown:?}");
}
