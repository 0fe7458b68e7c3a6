//! A submission's whole way against the simulator.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use offpeak_core::ids::BatchId;
use offpeak_core::ports::{Backend as _, BackendError, BatchPhase, CreateReply, NewBatch, Upload};
use offpeak_simulator::{Options, Simulator, serve};

use crate::{SUBMISSION, backend, key, marker, new_batch};

#[tokio::test]
async fn a_submission_goes_up_runs_and_comes_home() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = backend(format!("http://{}/v1", listener.local_addr().unwrap()));
    tokio::spawn(serve(listener, Arc::new(Simulator::new(Options::default())), std::future::pending()));

    let line = r#"{"custom_id":"job_1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}}"#;
    let line = bytes::Bytes::from(format!("{line}\n"));
    let length = line.len() as u64;
    let bytes = stream::iter([Ok(line)]).boxed();
    let file = backend.upload(&key(), Upload { submission: SUBMISSION, length, bytes }).await.unwrap();

    let CreateReply::Created(batch) = backend.create(&key(), NewBatch { file: file.clone(), ..new_batch() }).await
    else {
        panic!()
    };
    assert_eq!(backend.find(&key(), marker(0)).await.unwrap(), std::slice::from_ref(&batch));
    let report = loop {
        let report = backend.poll(&key(), &batch).await.unwrap();
        if report.phase != BatchPhase::Running {
            break report;
        }
    };
    assert_eq!(report.phase, BatchPhase::Completed);
    assert_eq!(report.files[0].lines, Some(1));
    let output = backend.download(&key(), &report.files[0].id).await.unwrap();
    let lines: Vec<_> = output.bytes.try_collect().await.unwrap();
    assert!(String::from_utf8(lines.concat()).unwrap().contains("echo: hi"));

    backend.cancel(&key(), &batch).await.unwrap();
    backend.delete(&key(), &file).await.unwrap();
    backend.delete(&key(), &file).await.unwrap();
    assert!(matches!(backend.poll(&key(), &BatchId::from("batch_none")).await, Err(BackendError::NotFound)));
}
