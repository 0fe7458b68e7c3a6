//! What a tenant stored is, for any other, as if it were not there; and nothing of it goes to an upstream.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::body::Body;
use axum::extract::Request;
use http::{Method, StatusCode};
use serde_json::json;

use crate::door::{Door, Got, rules};
use crate::form::{Form, LINE, input};

/// Every call that names a thing, and what it sends.
fn calls(file: &str, upload: &str, batch: &str) -> Vec<(Method, String, Vec<u8>, &'static str)> {
    let form = Form::default().file("data", "a", "x").bytes();
    let json = |value: serde_json::Value| value.to_string().into_bytes();
    let get = |path: String| (Method::GET, path, Vec::new(), "");
    vec![
        get(format!("/v1/files/{file}")),
        get(format!("/v1/files/{file}/content")),
        get(format!("/v1/files?after={file}")),
        (Method::DELETE, format!("/v1/files/{file}"), Vec::new(), ""),
        (Method::POST, format!("/v1/uploads/{upload}/parts"), form, "multipart/form-data; boundary=offpeak-boundary"),
        (Method::POST, format!("/v1/uploads/{upload}/complete"), json(json!({"part_ids": []})), "application/json"),
        (Method::POST, format!("/v1/uploads/{upload}/cancel"), Vec::new(), ""),
        get(format!("/v1/batches/{batch}")),
        get(format!("/v1/batches?after={batch}")),
        (Method::POST, format!("/v1/batches/{batch}/cancel"), Vec::new(), ""),
    ]
}

fn request(method: Method, path: &str, body: Vec<u8>, kind: &str, key: &str) -> Request {
    let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
    if !kind.is_empty() {
        request = request.header("content-type", kind);
    }
    request.body(Body::from(body)).unwrap()
}

async fn post(door: &Door, path: &str, body: serde_json::Value, key: &str) -> Got {
    door.send(request(Method::POST, path, body.to_string().into_bytes(), "application/json", key)).await
}

#[tokio::test]
async fn another_tenants_things_answer_as_if_they_were_not_there() {
    let door = Door::keyed(rules()).await;
    let text = |got: &Got| got.ok()["id"].as_str().unwrap().to_owned();
    let mut form = input(LINE).pieces("/v1/files", 1_000);
    form.headers_mut().insert("authorization", "Bearer acme".parse().unwrap());
    let file = text(&door.send(form).await);
    let declared = json!({"filename": "a", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain"});
    let upload = text(&post(&door, "/v1/uploads", declared, "acme").await);
    let asked = json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let batch = text(&post(&door, "/v1/batches", asked.clone(), "acme").await);
    let unknown = "0".repeat(32);
    let nobodys = [&format!("file_{unknown}"), &format!("upload_{unknown}"), &format!("batch_{unknown}")];
    let theirs = calls(&file, &upload, &batch);
    for (foreign, none) in theirs.into_iter().zip(calls(nobodys[0], nobodys[1], nobodys[2])) {
        let what = format!("{} {}", foreign.0, foreign.1);
        let got = door.send(request(foreign.0, &foreign.1, foreign.2, foreign.3, "zenith")).await;
        let want = door.send(request(none.0, &none.1, none.2, none.3, "zenith")).await;
        assert_eq!((got.status, &got.headers), (StatusCode::NOT_FOUND, &want.headers), "{what}");
        let anonymous = |got: &Got| {
            let text = got.text().to_owned();
            [&file, &upload, &batch].into_iter().chain(nobodys).fold(text, |text, id| text.replace(id, "ID"))
        };
        assert_eq!(anonymous(&got), anonymous(&want), "{what}");
    }
    for path in ["/v1/files", "/v1/batches"] {
        let list = door.send(request(Method::GET, path, Vec::new(), "", "zenith")).await.ok();
        assert_eq!(list["data"], json!([]), "{path}");
    }
    // A batch over another tenant's file fails as over none.
    let foreign = post(&door, "/v1/batches", asked, "zenith").await.ok();
    let id = foreign["id"].as_str().unwrap().parse().unwrap();
    offpeak_core::flows::batches::drive(&door.ports, id).await.unwrap();
    let failed = door.send(request(Method::GET, &format!("/v1/batches/{id}"), Vec::new(), "", "zenith")).await.ok();
    assert_eq!(failed["errors"]["data"][0]["code"], "invalid_request");
    // And all of it is still there.
    for path in [format!("/v1/files/{file}"), format!("/v1/batches/{batch}")] {
        door.send(request(Method::GET, &path, Vec::new(), "", "acme")).await.ok();
    }
}

#[tokio::test]
async fn who_has_no_key_gets_nothing() {
    let door = Door::keyed(rules()).await;
    let made = [(Method::POST, "/v1/files"), (Method::POST, "/v1/uploads"), (Method::POST, "/v1/batches")];
    let listed = [(Method::GET, "/v1/files"), (Method::GET, "/v1/batches")];
    for (method, path) in made.into_iter().chain(listed) {
        let got = door.send(request(method, path, Vec::new(), "", "stranger")).await;
        assert_eq!(got.error(401).2, json!("invalid_api_key"), "{path}");
    }
    for (method, path, body, kind) in calls("file_x", "upload_x", "batch_x") {
        assert_eq!(door.send(request(method, &path, body, kind, "stranger")).await.status, StatusCode::UNAUTHORIZED);
    }
}
