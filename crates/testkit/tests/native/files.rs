//! Files: received, listed, expired, deleted.

use std::slice::from_ref;
use std::time::Duration;

use bytes::Bytes;
use offpeak_core::file::Purpose;
use offpeak_core::flows::files::{self, DeleteError, Listing, NewFile, ReceiveError};
use offpeak_core::flows::sweep_native;
use offpeak_core::ids::{NativeFileId, TenantId};
use offpeak_core::ports::StoreError;

use crate::desk::{DAY_MS, Desk, lines, new_file};

#[tokio::test(start_paused = true)]
async fn content_is_kept_to_the_byte_wherever_it_lies() {
    let desk = Desk::calm();
    let text = lines(30, "m");
    for (purpose, expires_after_ms, prefix) in [
        (Purpose::Batch, None, "files/expiring/"),
        (Purpose::UserData, None, "files/kept/"),
        (Purpose::UserData, Some(3_600_000), "files/expiring/"),
    ] {
        let file = desk.store(&text, NewFile { expires_after_ms, ..new_file("one", purpose) }).await.unwrap();
        assert_eq!(desk.fakes.objects.bytes(&file.object).unwrap(), text);
        assert_eq!((file.bytes, file.purpose), (text.len() as u64, purpose));
        assert!(file.object.as_str().starts_with(prefix), "{}", file.object);
    }
    assert_eq!(desk.fakes.objects.names().len(), 3, "nothing else is left");
}

#[tokio::test(start_paused = true)]
async fn only_a_batchs_input_must_begin_with_an_object() {
    let desk = Desk::calm();
    for text in ["", "x", "[1]\n{}", "{\"a\":1", "\n\n", "\u{feff}", "{} {}"] {
        let refused = desk.store(text, new_file("one", Purpose::Batch)).await;
        assert!(matches!(refused, Err(ReceiveError::NotJsonl)), "{text:?}: {refused:?}");
        assert!(desk.store(text, new_file("one", Purpose::Vision)).await.is_ok(), "{text:?}");
    }
    for text in ["{}", "\u{feff}{}\r\nwhat follows is read later", "\n \r\n{}\n"] {
        assert!(desk.store(text, new_file("one", Purpose::Batch)).await.is_ok(), "{text:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_or_breaks_off_leaves_nothing() {
    let desk = Desk::calm();
    let mut receiving = files::receive(&desk.ports, 10).await.unwrap();
    receiving.write(Bytes::from_static(b"{\"a\":1}\n")).await.unwrap();
    let refused = receiving.write(Bytes::from_static(b"{}\n")).await;
    assert!(matches!(refused, Err(ReceiveError::TooLarge { most: 10 })), "{refused:?}");
    drop(receiving);
    assert_eq!((desk.fakes.objects.names().len(), desk.fakes.files.snapshot().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_file_of_a_given_id_is_stored_once() {
    let desk = Desk::calm();
    let new = || NewFile { id: Some(NativeFileId([4; 16])), ..new_file("one", Purpose::Batch) };
    let first = desk.store(&lines(1, "m"), new()).await.unwrap();
    let second = desk.store(&lines(2, "m"), new()).await.unwrap();
    assert_eq!(second, first);
    assert_eq!(desk.fakes.objects.names(), [first.object]);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_neither_sees_nor_deletes_a_file() {
    let desk = Desk::calm();
    let (one, two) = (TenantId::from("one"), TenantId::from("two"));
    let file = desk.store(&lines(1, "m"), new_file("one", Purpose::Batch)).await.unwrap();
    assert_eq!(files::get(&desk.ports, &two, file.id).await.unwrap(), None);
    assert!(matches!(files::delete(&desk.ports, &two, file.id).await, Err(DeleteError::NotFound)));
    assert_eq!(files::get(&desk.ports, &one, file.id).await.unwrap(), Some(file.clone()));
    files::delete(&desk.ports, &one, file.id).await.unwrap();
    assert!(matches!(files::delete(&desk.ports, &one, file.id).await, Err(DeleteError::NotFound)), "once");
    assert_eq!(desk.fakes.objects.bytes(&file.object), None);
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_gone_at_once_and_swept_later() {
    let desk = Desk::calm();
    let tenant = TenantId::from("one");
    let short = NewFile { expires_after_ms: Some(3_600_000), ..new_file("one", Purpose::Batch) };
    let mut expiring = Vec::new();
    for _ in 0..3 {
        expiring.push(desk.store(&lines(1, "m"), short.clone()).await.unwrap());
    }
    let stays = desk.store(&lines(1, "m"), new_file("one", Purpose::Vision)).await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(files::get(&desk.ports, &tenant, expiring[0].id).await.unwrap(), None);
    let listing = Listing { purpose: None, ascending: true, after: None, limit: 1 };
    let page = files::list(&desk.ports, &tenant, listing).await.unwrap();
    assert_eq!(page.files, from_ref(&stays), "a page is not empty while more follow");
    assert_eq!(sweep_native::expire_files(&desk.ports, &desk.fakes.files).await.unwrap(), 3);
    assert_eq!(desk.fakes.files.snapshot(), from_ref(&stays));
    assert_eq!(desk.fakes.objects.names(), [stays.object]);
}

#[tokio::test(start_paused = true)]
async fn a_listing_survives_the_deletion_of_what_it_has_listed() {
    let desk = Desk::calm();
    let tenant = TenantId::from("one");
    for _ in 0..7 {
        desk.store(&lines(1, "m"), new_file("one", Purpose::Batch)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let batch = desk.batch(&lines(1, "m")).await;
    let output = desk.run(batch.id).await.state.results().unwrap().output.unwrap();
    for ascending in [false, true] {
        let there = desk.fakes.files.snapshot().len();
        let (mut listed, mut after) = (0, None);
        loop {
            let listing = Listing { purpose: None, ascending, after, limit: 1 };
            let page = files::list(&desk.ports, &tenant, listing).await.unwrap();
            let Some(file) = page.files.first() else { break };
            (listed, after) = (listed + 1, Some(file.id));
            // Every other one goes as soon as it was listed; and so does what a batch has left.
            if listed % 2 == 0 || file.id == output {
                files::delete(&desk.ports, &tenant, file.id).await.unwrap();
            }
        }
        assert_eq!(listed, there);
        assert!(desk.fakes.files.snapshot().len() <= there - there / 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_have_been_a_tenants_file_is_no_cursor() {
    let desk = Desk::calm();
    let theirs = desk.store(&lines(1, "m"), new_file("two", Purpose::Batch)).await.unwrap().id;
    let now_ms = desk.ports.clock.now_ms();
    let to_come = NativeFileId::made_at(now_ms + 2 * DAY_MS, [1; 10]);
    for after in [theirs, to_come, NativeFileId([4; 16]), NativeFileId::derived([4; 16])] {
        let listing = Listing { purpose: None, ascending: true, after: Some(after), limit: 1 };
        let refused = files::list(&desk.ports, &TenantId::from("one"), listing).await;
        assert!(matches!(refused, Err(StoreError::NotFound)), "{after}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_row_names_goes_by_its_age() {
    let desk = Desk::calm();
    let mut orphan = files::receive(&desk.ports, 100).await.unwrap();
    orphan.write(Bytes::from_static(b"{}")).await.unwrap();
    let file = orphan.finish(new_file("one", Purpose::Batch)).await.unwrap();
    offpeak_core::ports::Files::delete(&desk.fakes.files, file.id).await.unwrap();
    let kept = desk.store("{}", new_file("one", Purpose::UserData)).await.unwrap();
    let retire = async || sweep_native::retire(&desk.ports, desk.fakes.swept(), DAY_MS).await.unwrap().objects;
    tokio::time::sleep(Duration::from_millis(30 * DAY_MS)).await;
    assert_eq!(retire().await, 0);
    tokio::time::sleep(Duration::from_millis(2 * DAY_MS)).await;
    assert_eq!(retire().await, 1);
    assert_eq!(desk.fakes.objects.names(), [kept.object]);
}
