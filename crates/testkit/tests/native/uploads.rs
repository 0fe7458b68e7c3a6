//! Uploads: what no front door needs to be asked for. The rest is proven through it.

use bytes::Bytes;
use offpeak_core::file::{Purpose, Upload};
use offpeak_core::flows::uploads::{self, IncomingPart, UploadError};
use offpeak_core::ids::TenantId;

use crate::desk::{Desk, new_file};

async fn begun(desk: &Desk) -> Upload {
    uploads::create(&desk.ports, new_file("one", Purpose::Batch), "text/jsonl".to_owned(), 2).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_stranger_sees_no_upload() {
    let desk = Desk::calm();
    let upload = begun(&desk).await;
    let two = TenantId::from("two");
    assert!(matches!(IncomingPart::begin(&desk.ports, &two, upload.id).await, Err(UploadError::NotFound)));
    assert!(matches!(uploads::complete(&desk.ports, &two, upload.id, &[], None).await, Err(UploadError::NotFound)));
    assert!(matches!(uploads::cancel(&desk.ports, &two, upload.id).await, Err(UploadError::NotFound)));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_too_large_is_refused_and_leaves_nothing() {
    let desk = Desk::calm();
    let upload = begun(&desk).await;
    let mut part = IncomingPart::begin(&desk.ports, &TenantId::from("one"), upload.id).await.unwrap();
    let mebibyte = Bytes::from(vec![b' '; 1 << 20]);
    for _ in 0..64 {
        part.write(mebibyte.clone()).await.unwrap();
    }
    assert!(matches!(part.write(Bytes::from_static(b" ")).await, Err(UploadError::PartTooLarge(_))));
    drop(part);
    assert_eq!(desk.fakes.objects.names(), []);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_ends_after_its_upload_is_none() {
    let desk = Desk::calm();
    let upload = begun(&desk).await;
    let one = TenantId::from("one");
    let mut part = IncomingPart::begin(&desk.ports, &one, upload.id).await.unwrap();
    part.write(Bytes::from_static(b"{}")).await.unwrap();
    uploads::cancel(&desk.ports, &one, upload.id).await.unwrap();
    assert!(matches!(part.finish(&desk.ports).await, Err(UploadError::Ended("cancelled"))));
    assert_eq!(desk.fakes.objects.names(), []);
}
