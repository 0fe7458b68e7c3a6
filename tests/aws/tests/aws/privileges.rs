//! Each function may do what it does, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use offpeak_tests_aws::{Calls, Fact, Function, Grant, Stack, World, action, arn};

use super::{upgrade, webhooks};
use Function::{FrontDoor, Live, Operator, Packer, Poller};

/// What is granted and was not called in the run.
struct Excuse {
    functions: &'static [Function],
    actions: &'static [&'static str],
    /// By their names in the template. Each function has each action on each of them.
    resources: &'static [&'static str],
    /// Why it is granted nevertheless.
    why: &'static str,
    /// Whether a run may call it after all.
    by_chance: bool,
}

const UNCALLED: [Excuse; 17] = [
    Excuse {
        functions: &[FrontDoor, Packer, Live, Operator],
        actions: &["s3:ListBucket"],
        resources: &["Bucket"],
        why: "S3 asks for it to say 404 of an object that is not there",
        by_chance: false,
    },
    Excuse {
        functions: &[Packer],
        actions: &["s3:AbortMultipartUpload"],
        resources: &["Bucket/sealed/*", "Bucket/manifests/*", "Bucket/poison/*"],
        why: "a writer that fails in the middle of an upload gives it up",
        by_chance: true,
    },
    Excuse {
        functions: &[Poller],
        actions: &["s3:AbortMultipartUpload"],
        resources: &["Bucket/manifests/*", "Bucket/results/*", "Bucket/files/*", "Bucket/outbox/*"],
        why: "the same",
        by_chance: true,
    },
    Excuse {
        functions: &[Poller],
        actions: &["s3:GetObject"],
        resources: &["Bucket/schedules/*"],
        why: "the input of a schedule is read at its hour, which this run does not wait for",
        by_chance: false,
    },
    Excuse {
        functions: &[Poller],
        actions: &["s3:DeleteObject"],
        resources: &["Bucket/results/*"],
        why: "who loses a race to collect deletes its own copy",
        by_chance: true,
    },
    Excuse {
        functions: &[Packer],
        actions: &["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"],
        resources: &["Bucket/results/*"],
        why: WHILE_PACKING,
        by_chance: true,
    },
    Excuse {
        functions: &[Packer],
        actions: &["sqs:SendMessage"],
        resources: &["SoonQueue", "NightlyQueue"],
        why: WHILE_PACKING,
        by_chance: true,
    },
    Excuse {
        functions: &[Packer],
        actions: &["dynamodb:PutItem"],
        resources: &["UsageTable"],
        why: WHILE_PACKING,
        by_chance: true,
    },
    Excuse {
        functions: &[Packer],
        actions: &["dynamodb:GetItem"],
        resources: &["JobsTable"],
        why: "the row of a lone job whose batch ends at once; those of several come by BatchGetItem",
        by_chance: true,
    },
    Excuse {
        functions: &[Operator],
        actions: &["dynamodb:PutItem"],
        resources: &["ClassesTable"],
        why: "a class that departed while an audit hid its messages is due again",
        by_chance: true,
    },
    Excuse {
        functions: &[Poller],
        actions: &["s3:DeleteObject"],
        resources: &["Bucket/files/*"],
        why: "who loses a race to merge deletes its own copy",
        by_chance: true,
    },
    Excuse {
        functions: &[Poller],
        actions: &["s3:DeleteObject"],
        resources: &["Bucket/sealed/*", "Bucket/manifests/*"],
        why: "who loses a race, or meets an error in the middle, deletes parts that no batch names",
        by_chance: true,
    },
    Excuse {
        functions: &[FrontDoor, Live],
        actions: &["dynamodb:Query", "dynamodb:DeleteItem"],
        resources: &["ChunksTable"],
        why: TOO_LATE,
        by_chance: true,
    },
    Excuse {
        functions: &[FrontDoor, Live],
        actions: &["s3:DeleteObject"],
        resources: &["Bucket/fleet/*"],
        why: TOO_LATE,
        by_chance: true,
    },
    Excuse {
        functions: &[Packer],
        actions: &["dynamodb:GetItem", "dynamodb:DeleteItem"],
        resources: &["ChunksTable"],
        why: WHILE_PACKING,
        by_chance: true,
    },
    Excuse {
        functions: &[Packer],
        actions: &["s3:DeleteObject"],
        resources: &["Bucket/fleet/*"],
        why: WHILE_PACKING,
        by_chance: true,
    },
    Excuse {
        functions: &[Poller],
        actions: &["dynamodb:GetItem"],
        resources: &["ChunksTable"],
        why: "a cancel that a worker's report overtakes looks again",
        by_chance: true,
    },
];
const TOO_LATE: &str = "what a worker stores after the end of its submission is cleared away";
/// The provider's batches take a second here, which a packer may need on a busy machine.
const WHILE_PACKING: &str = "what is sealed is advanced as far as it goes: a batch that ends at once is collected";

pub(crate) static LEAST: Fact = Fact::new(|| Box::pin(least()));

#[test]
fn what_is_granted_is_used_and_what_is_used_is_granted() {
    LEAST.holds();
}

async fn least() {
    let world = World::get().await;
    super::all(&[&upgrade::AUDITED]).await;
    let deployments = world.deployments();
    // The last deployment has every function that there ever was.
    let stack = webhooks::STACK.lock().clone().expect("a stack that tells");
    let calls = Calls::logged(&world.aws, &stack, deployments[0].from_ms).await;
    let granted: BTreeSet<&Grant> = deployments.iter().flat_map(|deployment| &deployment.grants).collect();
    let mut counts: BTreeMap<&Grant, u64> = granted.iter().map(|grant| (*grant, 0)).collect();
    let mut wrong = BTreeSet::new();
    for call in &calls.calls {
        let (action, arn) = action(call, &stack);
        let in_force: Vec<_> = deployments.iter().filter(|deployment| deployment.in_force(call.at_ms)).collect();
        let grants = in_force.iter().flat_map(|deployment| &deployment.grants);
        let allowed: BTreeSet<&Grant> = grants.filter(|grant| grant.allows(call.function, &action, &arn)).collect();
        if allowed.is_empty() {
            let changed: Vec<&str> = in_force.iter().map(|deployment| deployment.changed.as_str()).collect();
            wrong.insert(format!("{:?} used {action} on {arn}, not granted after changing {changed:?}", call.function));
        }
        for grant in allowed {
            *counts.entry(grant).or_default() += 1;
        }
    }
    print(&counts);
    wrong.extend(unused(&counts, &stack));
    let on_everything = granted.iter().filter(|grant| grant.resource == "*");
    wrong.extend(on_everything.map(|grant| format!("a grant on everything: {grant:?}")));
    let idle = Function::CONFIGURED.into_iter().filter(|function| calls.of(*function).next().is_none());
    wrong.extend(idle.map(|function| format!("{function:?} called nothing")));
    let broken = upgrade::broken().await;
    assert!(wrong.is_empty(), "{wrong:#?}\nwhat makes the calls did not hold in these places: {broken:#?}");
}

/// What is granted, was never used and has no excuse; and every excuse that excuses nothing.
fn unused(counts: &BTreeMap<&Grant, u64>, stack: &Stack) -> Vec<String> {
    let mut idle: BTreeSet<&Grant> = counts.iter().filter(|(_, count)| **count == 0).map(|(grant, _)| *grant).collect();
    let mut wrong = Vec::new();
    for excuse in &UNCALLED {
        for grant in excused(excuse, stack) {
            match counts.get(&grant) {
                None => wrong.push(format!("excused and not granted: {grant:?} ({})", excuse.why)),
                Some(count) if *count > 0 && !excuse.by_chance => {
                    wrong.push(format!("excused and used {count} times: {grant:?} ({})", excuse.why));
                }
                Some(_) => {
                    idle.remove(&grant);
                }
            }
        }
    }
    wrong.extend(idle.into_iter().map(|grant| format!("granted and never used: {grant:?}")));
    wrong
}

fn excused(excuse: &Excuse, stack: &Stack) -> Vec<Grant> {
    let mut grants = Vec::new();
    for function in excuse.functions {
        for action in excuse.actions {
            let resources = excuse.resources.iter().map(|resource| arn(stack, resource));
            let grant = |resource| Grant { function: *function, action: (*action).to_owned(), resource };
            grants.extend(resources.map(grant));
        }
    }
    grants
}

fn print(counts: &BTreeMap<&Grant, u64>) {
    println!("{:<10} {:<28} {:>7}  resource", "function", "granted", "calls");
    for (grant, count) in counts {
        println!("{:<10} {:<28} {count:>7}  {}", format!("{:?}", grant.function), grant.action, grant.resource);
    }
}
