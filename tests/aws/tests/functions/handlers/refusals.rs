//! Refusals: whatever a service turns away is asked again with a pause, and nothing else is.

use std::time::Duration;

use offpeak_core::ports::Intake as _;
use offpeak_testkit::samples::Namespace;
use offpeak_tests_aws::Stop;

use super::PATIENCE;
use super::weather::{Refusal, Weather};
use crate::crash::{CLASS, Counts, PROVIDER, Run, Site, apart, url};

/// Calls of each operation that are refused before one is served: of reads of rows, and of the others.
const READS: u32 = 2;
const OTHERS: u32 = 5;
/// Messages of a batch test: more than one call takes.
const MESSAGES: usize = 25;

#[test]
fn a_whole_run_survives_that_every_operation_is_throttled_at_first() {
    let weather = Weather::before(url(), Refusal::First { reads: READS, others: OTHERS });
    let site = apart().block_on(Site::new()).behind(weather.url.clone());
    let mut run = Run::at(site, Stop::never(), 6);
    run.finish(PATIENCE);
    assert_eq!(run.judged(&mut Counts::default()), Vec::<String>::new());
    let seen = weather.seen();
    for operation in [
        "DynamoDB_20120810.UpdateItem",
        "DynamoDB_20120810.PutItem",
        "AmazonSQS.SendMessage",
        "AmazonSQS.ReceiveMessage",
        "AmazonSQS.DeleteMessageBatch",
        "S3.PUT",
        "S3.GET",
        "TrentService.GenerateDataKey",
        "TrentService.Decrypt",
    ] {
        let calls = seen.get(operation).copied().unwrap_or(0);
        assert!(calls > OTHERS, "{operation} was called {calls} times: {seen:?}");
    }
    assert!(seen["DynamoDB_20120810.GetItem"] > READS, "{seen:?}");
}

#[test]
fn entries_that_a_queue_turns_away_are_sent_and_deleted_again_and_the_others_are_not() {
    let weather = Weather::before(url(), Refusal::Entries(2));
    apart().block_on(async {
        let site = Site::new().await.behind(weather.url.clone());
        let reach = site.reach(&Stop::never().process()).await;
        let (intake, namespace) = (reach.store.intake(), Namespace::fresh());
        let message = || {
            let mut message = namespace.message("{}");
            CLASS.clone_into(&mut message.lane.class);
            PROVIDER.clone_into(&mut message.lane.provider);
            message
        };
        intake.send((0..MESSAGES).map(|_| message()).collect()).await.unwrap();
        let depth = intake.depth(CLASS).await.unwrap();
        assert_eq!(depth.visible, MESSAGES as u64, "each is there once");
        let mut receipts = Vec::new();
        let received = offpeak_tests::until("every message", Duration::from_secs(20), async || {
            let some = intake.receive(CLASS, MESSAGES, 30_000, 0).await.unwrap();
            receipts.extend(some.into_iter().map(|one| one.receipt));
            (receipts.len() >= MESSAGES).then_some(())
        });
        received.await;
        assert_eq!(receipts.len(), MESSAGES);
        intake.delete(CLASS, receipts).await.unwrap();
        let depth = intake.depth(CLASS).await.unwrap();
        assert_eq!(depth.visible + depth.hidden, 0, "each is deleted");
    });
    let seen = weather.seen();
    assert!(seen["AmazonSQS.SendMessageBatch"] > 3 && seen["AmazonSQS.DeleteMessageBatch"] > 3, "{seen:?}");
}
