//! Uploads: parts in any order, joined in the one that is named.

use std::slice::from_ref;
use std::time::Duration;

use bytes::Bytes;
use offpeak_core::file::{Purpose, Upload, UploadPart, UploadState};
use offpeak_core::flows::files;
use offpeak_core::flows::uploads::{self, NewUpload, UploadError};
use offpeak_core::ids::{PartId, TenantId};

use crate::desk::Desk;

fn tenant() -> TenantId {
    TenantId::from("one")
}

async fn begun(desk: &Desk, bytes: u64) -> Upload {
    let new = NewUpload {
        tenant: tenant(),
        purpose: Purpose::Batch,
        filename: "big.jsonl".to_owned(),
        mime_type: "text/jsonl".to_owned(),
        bytes,
        expires_after_ms: None,
    };
    uploads::create(&desk.ports, new).await.unwrap()
}

async fn part(desk: &Desk, upload: &Upload, text: &'static str) -> Result<UploadPart, UploadError> {
    let mut part = uploads::receive_part(&desk.ports, &tenant(), upload.id).await?;
    for piece in text.as_bytes().chunks(2) {
        part.write(Bytes::from_static(piece)).await?;
    }
    part.finish().await
}

#[tokio::test(start_paused = true)]
async fn parts_become_a_file_in_the_order_that_is_named() {
    let desk = Desk::calm();
    let upload = begun(&desk, 8).await;
    let (second, stray, first) =
        tokio::join!(part(&desk, &upload, "\n{}\n"), part(&desk, &upload, "?"), part(&desk, &upload, "{ } "));
    let (second, stray, first) = (second.unwrap(), stray.unwrap(), first.unwrap());
    let complete = async |order: &[PartId], md5: Option<&str>| {
        uploads::complete(&desk.ports, &tenant(), upload.id, order, md5).await
    };
    let unknown = complete(&[first.id, PartId([9; 16])], None).await;
    assert!(matches!(unknown, Err(UploadError::UnknownPart(_))), "{unknown:?}");
    let twice = complete(&[first.id, first.id], None).await;
    assert!(matches!(twice, Err(UploadError::UnknownPart(_))), "{twice:?}");
    let short = complete(&[first.id], None).await;
    assert!(matches!(short, Err(UploadError::WrongSize { want: 8, got: 4 })), "{short:?}");
    let wrong = complete(&[first.id, second.id], Some("d41d8cd98f00b204e9800998ecf8427e")).await;
    assert!(matches!(wrong, Err(UploadError::WrongMd5)), "{wrong:?}");
    // printf '{ } \n{}\n' | md5sum
    let (done, file) = complete(&[first.id, second.id], Some(MD5)).await.unwrap();
    assert_eq!(done.state, UploadState::Completed { file: file.id });
    assert_eq!(desk.fakes.objects.bytes(&file.object).unwrap(), "{ } \n{}\n");
    assert_eq!((file.filename.as_str(), file.bytes), ("big.jsonl", 8));
    assert_eq!(desk.fakes.objects.names(), from_ref(&file.object), "parts are gone, also {}", stray.object);
    assert_eq!(complete(&[], None).await.unwrap().1, file, "again the same");
    let late = part(&desk, &upload, "x").await;
    assert!(matches!(late, Err(UploadError::NotPending)), "{late:?}");
    let cancelled = uploads::cancel(&desk.ports, &tenant(), upload.id).await;
    assert!(matches!(cancelled, Err(UploadError::NotPending)), "{cancelled:?}");
    assert_eq!(files::get(&desk.ports, &tenant(), file.id).await.unwrap(), Some(file));
}

const MD5: &str = "491ef8aab5a523687515779edb9fd431";

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_or_too_old_takes_nothing() {
    let desk = Desk::calm();
    let (cancelled, old) = (begun(&desk, 2).await, begun(&desk, 2).await);
    let kept = part(&desk, &cancelled, "{}").await.unwrap();
    let again = uploads::cancel(&desk.ports, &tenant(), cancelled.id).await.unwrap();
    assert_eq!(uploads::cancel(&desk.ports, &tenant(), cancelled.id).await.unwrap(), again, "twice");
    assert_eq!(desk.fakes.objects.bytes(&kept.object), None);
    let aged = part(&desk, &old, "{}").await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
    for (upload, part_of) in [(&cancelled, &kept), (&old, &aged)] {
        let late = part(&desk, upload, "{}").await;
        assert!(matches!(late, Err(UploadError::NotPending)), "{late:?}");
        let complete = uploads::complete(&desk.ports, &tenant(), upload.id, &[part_of.id], None).await;
        assert!(matches!(complete, Err(UploadError::NotPending)), "{complete:?}");
    }
    assert!(desk.fakes.files.snapshot().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stranger_sees_no_upload() {
    let desk = Desk::calm();
    let upload = begun(&desk, 2).await;
    let two = TenantId::from("two");
    assert_eq!(uploads::get(&desk.ports, &two, upload.id).await.unwrap(), None);
    assert!(matches!(uploads::receive_part(&desk.ports, &two, upload.id).await, Err(UploadError::NotFound)));
    assert!(matches!(uploads::complete(&desk.ports, &two, upload.id, &[], None).await, Err(UploadError::NotFound)));
    assert!(matches!(uploads::cancel(&desk.ports, &two, upload.id).await, Err(UploadError::NotFound)));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_too_large_is_refused() {
    let desk = Desk::calm();
    let upload = begun(&desk, 2).await;
    let mut part = uploads::receive_part(&desk.ports, &tenant(), upload.id).await.unwrap();
    let mebibyte = Bytes::from(vec![b' '; 1 << 20]);
    for _ in 0..64 {
        part.write(mebibyte.clone()).await.unwrap();
    }
    assert!(matches!(part.write(Bytes::from_static(b" ")).await, Err(UploadError::PartTooLarge)));
}
