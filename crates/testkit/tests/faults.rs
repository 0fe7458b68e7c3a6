//! A safeguard of a store that is switched off is noticed by that store's suite.

use std::sync::Arc;

use offpeak_core::faults::{Fault, plant};
use offpeak_core::ports::Submissions;
use offpeak_core::submission::{State, Submission};
use offpeak_testkit::conformance;
use offpeak_testkit::fakes::{self, TokioClock};
use offpeak_testkit::samples::Namespace;

#[tokio::test]
#[should_panic(expected = "exactly one claim holds")]
async fn claims_without_a_condition_are_noticed() {
    plant(Some(Fault::ClaimUnconditionally));
    conformance::job_writes::one_of_64_claims_wins(&fakes::Jobs::default()).await;
}

#[tokio::test]
#[should_panic(expected = "exactly one takes it")]
async fn answers_handed_out_without_a_condition_are_noticed() {
    plant(Some(Fault::HandOutUnconditionally));
    conformance::job_marks::one_of_64_takers_gets_the_answer(&fakes::Jobs::default()).await;
}

#[tokio::test]
#[should_panic(expected = "exactly one holds")]
async fn leases_without_a_condition_are_noticed() {
    plant(Some(Fault::LeaseUnconditional));
    conformance::submissions::one_of_64_writes_wins(&fakes::Submissions::default()).await;
}

#[tokio::test]
async fn seals_without_a_condition_overwrite() {
    let (submissions, names) = (fakes::Submissions::default(), Namespace::fresh());
    let first = names.submission();
    submissions.create(&first).await.unwrap();
    let abandoned = Submission { state: State::Abandoned, ..first.clone() };
    assert!(submissions.replace(&abandoned).await.unwrap());
    let sealed = Submission { state: State::Sealed, ..first };
    assert!(!submissions.replace(&sealed).await.unwrap(), "the version has moved on");
    plant(Some(Fault::SealUnconditional));
    assert!(submissions.replace(&sealed).await.unwrap());
}

#[tokio::test]
#[should_panic(expected = "left == right")]
async fn usage_that_adds_up_is_noticed() {
    plant(Some(Fault::UsageTwice));
    conformance::usage::a_repeated_record_adds_nothing(&fakes::Usage::default()).await;
}

#[tokio::test]
#[should_panic(expected = "the message comes, not within")]
async fn a_queue_that_drops_poison_is_noticed() {
    tokio::time::pause();
    plant(Some(Fault::PoisonDropped));
    let intake = fakes::Intake::new(Arc::new(TokioClock::default()));
    conformance::intake_time::a_message_is_kept_however_often_received(&intake).await;
}
