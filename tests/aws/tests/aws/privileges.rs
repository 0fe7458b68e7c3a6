//! Each function may do what it does, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use offpeak_tests_aws::{Calls, Fact, Function, Grant, World, action, now_ms};
use parking_lot::Mutex;

use super::upgrade;
use Function::{FrontDoor, Packer, Poller};

/// What is granted and was not called in the run, and why it is granted nevertheless.
const UNCALLED: [(&[Function], &str, &str, &str); 12] = [
    (&Function::ALL, "s3:ListBucket", "", "S3 asks for it to say 404 of an object that is not there"),
    (&Function::ALL, "s3:AbortMultipartUpload", "", "only a writer that fails in the middle of an upload gives it up"),
    (&[FrontDoor], "dynamodb:GetItem", "SubmissionsTable-", "who meets an overdue packed job looks at its submission"),
    (&[Packer, Poller], "s3:DeleteObject", "/results/*", "only who loses a race to collect deletes its own copy"),
    (&[Poller], "s3:DeleteObject", "/files/*", "only who loses a race to merge deletes its own copy"),
    (&[Poller], "s3:DeleteObject", "/sealed/*", UNNAMED),
    (&[Poller], "s3:DeleteObject", "/manifests/*", UNNAMED),
    (&[FrontDoor], "s3:GetObject", "/files/*", "who follows a URL that the door signed reads by the door's rights"),
    (&[Packer, Poller], "dynamodb:GetItem", "JobsTable-", "of one job alone; of several it is BatchGetItem"),
    (&[Packer], "dynamodb:PutItem", "UsageTable-", WHILE_PACKING),
    (&[Packer], "s3:", "/results/*", WHILE_PACKING),
    (&[Packer], "sqs:SendMessage", "", WHILE_PACKING),
];
const UNNAMED: &str = "only who loses a race, or meets an error in the middle, deletes parts that no batch names";
const WHILE_PACKING: &str = "what is sealed is advanced as far as it goes: a batch that ends at once is collected";

/// Every grant of every deployment of the stack.
pub(crate) static GRANTED: Mutex<BTreeSet<Grant>> = Mutex::new(BTreeSet::new());

pub(crate) static LEAST: Fact = Fact::new(|| Box::pin(least()));

#[test]
fn what_is_granted_is_used_and_what_is_used_is_granted() {
    LEAST.holds();
}

async fn least() {
    let world = World::get().await;
    super::all(&[&upgrade::AUDITED]).await;
    let calls = Calls::logged(&world.aws, &world.stack, world.began_ms, now_ms() + 1).await;
    let granted = GRANTED.lock().clone();
    let mut counts: BTreeMap<&Grant, u64> = granted.iter().map(|grant| (grant, 0)).collect();
    let mut beyond = BTreeSet::new();
    for call in &calls.calls {
        let (action, arn) = action(call, &world.stack);
        let mut allowed = granted.iter().filter(|grant| grant.allows(call.function, &action, &arn)).peekable();
        if allowed.peek().is_none() {
            beyond.insert((call.function, action.clone(), arn.clone()));
        }
        for grant in allowed {
            *counts.entry(grant).or_default() += 1;
        }
    }
    print(&counts);
    let is_excused = |grant: &Grant| {
        UNCALLED.iter().any(|(functions, action, resource, _)| {
            let is_named = functions.contains(&grant.function) && grant.action.starts_with(action);
            is_named && grant.resource.contains(resource)
        })
    };
    let idle: Vec<&&Grant> = counts.iter().filter(|(_, count)| **count == 0).map(|(grant, _)| grant).collect();
    let idle: Vec<_> = idle.into_iter().filter(|grant| !is_excused(grant)).collect();
    assert!(beyond.is_empty(), "used and not granted: {beyond:#?}");
    assert!(idle.is_empty(), "granted and never used: {idle:#?}");
    assert!(granted.iter().all(|grant| grant.resource != "*"), "a grant on everything: {granted:#?}");
    assert!(Function::ALL.iter().all(|function| calls.of(*function).next().is_some()), "a function that calls nothing");
}

fn print(counts: &BTreeMap<&Grant, u64>) {
    println!("{:<10} {:<28} {:>7}  resource", "function", "granted", "calls");
    for (grant, count) in counts {
        println!("{:<10} {:<28} {count:>7}  {}", format!("{:?}", grant.function), grant.action, grant.resource);
    }
}
