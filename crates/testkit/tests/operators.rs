//! What operators ask for, over the fakes: keys and status.

use offpeak_core::flows::keys::{self, KeyError};
use offpeak_core::flows::status::status;
use offpeak_core::job::{Event, StateKind as JobState};
use offpeak_core::ports::{Jobs as _, Keys as _, Submissions as _};
use offpeak_core::submission::StateKind;
use offpeak_testkit::fakes::{Fakes, TokioClock};
use offpeak_testkit::samples::{Namespace, to};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

fn fakes() -> Fakes {
    Fakes::new(&TokioClock::default(), 1)
}

#[tokio::test]
async fn a_key_is_256_random_bits_in_43_characters_and_only_its_hash_is_kept() {
    let fakes = fakes();
    let one = keys::create(&fakes.keys, &fakes.clock, &fakes.random, "acme").await.unwrap();
    let other = keys::create(&fakes.keys, &fakes.clock, &fakes.random, "acme").await.unwrap();
    let key = one.key.expose_secret();
    assert_ne!(key, other.key.expose_secret());
    assert_eq!(key.strip_prefix("sk-offpeak-").unwrap().len(), 43);
    assert!(!format!("{one:?}").contains(&key[20..]));
    let hash: [u8; 32] = Sha256::digest(key).into();
    let record = fakes.keys.find(&hash).await.unwrap().unwrap();
    assert_eq!(record.tenant.to_string(), "acme");
    assert!(key.starts_with(&record.hint) && record.hint.len() < 20);
}

#[tokio::test]
async fn a_key_is_revoked_by_its_id_its_beginning_or_itself() {
    let fakes = fakes();
    for way in 0..3 {
        let made = keys::create(&fakes.keys, &fakes.clock, &fakes.random, "acme").await.unwrap();
        let named = [made.view.id.as_str(), made.view.hint.as_str(), made.key.expose_secret()][way];
        let revoked = keys::revoke(&fakes.keys, &fakes.clock, named).await.unwrap();
        assert_eq!(revoked.id, made.view.id);
        assert!(revoked.revoked_ms.is_some());
        assert_eq!(keys::revoke(&fakes.keys, &fakes.clock, named).await.unwrap(), revoked, "a repeat changes nothing");
        assert!(keys::list(&fakes.keys).await.unwrap().contains(&revoked));
    }
}

#[tokio::test]
async fn what_names_no_key_or_several_revokes_none() {
    let fakes = fakes();
    let one = keys::create(&fakes.keys, &fakes.clock, &fakes.random, "acme").await.unwrap();
    for wrong in ["", "sk-offpeak-", "no such key"] {
        assert!(matches!(keys::revoke(&fakes.keys, &fakes.clock, wrong).await, Err(KeyError::Unknown)), "{wrong}");
    }
    let record = fakes.keys.list().await.unwrap().remove(0);
    fakes.keys.create(offpeak_core::ports::KeyRecord { hash: [9; 32], ..record }).await.unwrap();
    let revoked = keys::revoke(&fakes.keys, &fakes.clock, &one.view.hint).await;
    assert!(matches!(revoked, Err(KeyError::Ambiguous(2))), "{revoked:?}");
    assert!(fakes.keys.list().await.unwrap().iter().all(|key| key.revoked_ms.is_none()));
}

#[tokio::test]
async fn a_tenant_has_a_printable_name() {
    let fakes = fakes();
    for wrong in ["", " ", "a ", "a\nb", &"x".repeat(65)] {
        let made = keys::create(&fakes.keys, &fakes.clock, &fakes.random, wrong).await;
        assert!(matches!(made, Err(KeyError::Tenant)), "{wrong:?}");
    }
    assert!(fakes.keys.list().await.unwrap().is_empty());
    for right in ["a", "Acme & Söhne", &"x".repeat(64)] {
        assert!(keys::create(&fakes.keys, &fakes.clock, &fakes.random, right).await.is_ok(), "{right:?}");
    }
}

#[tokio::test]
async fn every_state_is_counted_also_those_that_nothing_is_in() {
    let (fakes, names) = (fakes(), Namespace::fresh());
    let gone = names.job();
    fakes.jobs.create(vec![names.job(), names.job(), gone.clone()]).await.unwrap();
    fakes.jobs.apply(vec![to(&gone, Event::Cancel)]).await.unwrap();
    // More than one page.
    for _ in 0..1_001 {
        fakes.submissions.create(&names.submission()).await.unwrap();
    }
    let counted = status(&fakes.jobs, &fakes.submissions).await.unwrap();
    let jobs: Vec<u64> = counted.jobs.iter().map(|(_, count)| *count).collect();
    assert_eq!(jobs, [2, 0, 0, 0, 1, 0]);
    assert_eq!(counted.jobs[4].0, JobState::Cancelled);
    assert!(counted.submissions.iter().map(|(kind, _)| *kind).eq(StateKind::ALL));
    let created = names.submission().state.kind();
    for (kind, count) in counted.submissions {
        assert_eq!(count, if kind == created { 1_001 } else { 0 }, "{kind:?}");
    }
}
