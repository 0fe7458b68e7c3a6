//! A stack that starts its own instances, as far as the emulator goes: its groups, and the scaler's calls and grants. No
//! instance comes of it: what runs on one is the fleet's own test.

use std::collections::BTreeSet;

use offpeak_tests::batches::{create, input, show, store};
use offpeak_tests::{Http, until_ok};
use offpeak_tests_aws::{Calls, Fact, Function, Grant, LONG, Stack, World, action, grants, now_ms};
use serde_json::{Value, json};

const MODEL: &str = "own-model";
const COUNT: usize = 60;
const GROUPS: [&str; 2] = ["pool-spot", "pool-on-demand"];

pub(crate) static SCALED: Fact = Fact::new(|| Box::pin(scaled()));

#[test]
fn the_scaler_asks_for_instances_while_there_is_work_and_may_do_nothing_else() {
    SCALED.holds();
}

async fn scaled() {
    let world = World::get().await;
    let _turn = world.busy().await;
    let parameters = [
        ("Live", "true"),
        ("Fleet", "instances"),
        ("FleetModel", MODEL),
        ("FleetImage", "ami-0123456789abcdef0"),
        ("FleetVpc", "vpc-0123456789abcdef0"),
        ("FleetSubnets", "subnet-0123456789abcdef0"),
    ];
    let stack = world.beside("pool", &parameters, &["ScalerTicks", "LiveTicks"]).await;
    world.route_elsewhere(&stack.name).await;
    let from_ms = now_ms();
    grows(world, &stack).await;
    is_least(world, &stack, from_ms).await;
    world.aws.delete_stack(&stack.name).await;
}

/// From none to what its work asks for, and no more than that.
async fn grows(world: &World, stack: &Stack) {
    assert_eq!(tick(world, stack).await, json!({"outstanding": 0, "instances": 0, "desired": 0, "ended": 0}));
    let made = invoked(world, stack, Function::Operator, &json!({"command": "keys create", "tenant": "pool"})).await;
    let http = stack.http().with_key(made["key"].as_str().expect("a key"));
    let file = store(&http, &input("pool", COUNT, &[MODEL])).await.expect("a stored file");
    let batch = create(&http, &file).await.expect("a batch");
    let looked = until_ok("work for instances", LONG, async || {
        let polled = invoked(world, stack, Function::Poller, &stack.event("poller")).await;
        let looked = tick(world, stack).await;
        if looked["outstanding"].as_u64() > Some(0) { Ok(looked) } else { Err(format!("{looked} after {polled}")) }
    })
    .await;
    assert_eq!((&looked["desired"], desired(world).await), (&json!(1), [1, 0]), "{looked}");
    // Asked again, it stays with its word.
    assert_eq!((tick(world, stack).await["desired"].as_u64(), desired(world).await), (Some(1), [1, 0]));
    is_withdrawn(world, stack, &http, &batch).await;
}

/// Without work no more is asked for; instances end themselves.
async fn is_withdrawn(world: &World, stack: &Stack, http: &Http, batch: &str) {
    let path = format!("/v1/batches/{batch}/cancel");
    assert_eq!(http.post(&path, &json!({})).send().await.status, 200);
    until_ok("the end of a batch", LONG, async || {
        invoked(world, stack, Function::Poller, &stack.event("poller")).await;
        let shown = show(http, batch).await.ok_or("no answer")?;
        if shown["status"] == "cancelled" { Ok(()) } else { Err(shown.to_string()) }
    })
    .await;
    assert_eq!(tick(world, stack).await["outstanding"], 0);
}

/// Each call of the scaler is granted, and each grant used but for what only happens with silent instances.
async fn is_least(world: &World, stack: &Stack, from_ms: u64) {
    let of_scaler = |grant: &Grant| grant.function == Function::Scaler;
    let granted: BTreeSet<Grant> = grants(&world.aws, stack).await.into_iter().filter(of_scaler).collect();
    let mut used = BTreeSet::new();
    for call in Calls::logged(&world.aws, stack, from_ms).await.of(Function::Scaler) {
        let (action, arn) = action(call, stack);
        // The log tells the folder alone.
        let arn = if call.service == "S3" && action != "s3:ListBucket" { format!("{arn}scaler.json") } else { arn };
        let allowed: Vec<&Grant> = granted.iter().filter(|grant| grant.allows(call.function, &action, &arn)).collect();
        assert!(!allowed.is_empty(), "{action} on {arn} is not granted");
        used.extend(allowed);
    }
    let unused = granted.iter().filter(|grant| !used.contains(grant));
    let unused: BTreeSet<(&str, bool)> =
        unused.map(|grant| (grant.action.as_str(), grant.resource.ends_with("on-demand"))).collect();
    let excused = [
        // S3 asks for it to say 404 of an object that is not there.
        ("s3:ListBucket", false),
        // Of a group that lacks instances, which the emulator's does not.
        ("autoscaling:DescribeScalingActivities", false),
        // Once spot has refused for a while.
        ("autoscaling:SetDesiredCapacity", true),
        // Of an instance that is silent, which the emulator cannot end.
        ("autoscaling:TerminateInstanceInAutoScalingGroup", false),
        ("autoscaling:TerminateInstanceInAutoScalingGroup", true),
    ];
    assert_eq!(unused, BTreeSet::from(excused));
    println!("the scaler: {} grants, {} used", granted.len(), used.len());
}

/// How many instances each group is to have.
async fn desired(world: &World) -> [u64; 2] {
    let [spot, on_demand] = GROUPS.map(|group| world.aws.desired_capacity(group));
    [spot.await, on_demand.await]
}

async fn tick(world: &World, stack: &Stack) -> Value {
    invoked(world, stack, Function::Scaler, &stack.event("scaler")).await
}

async fn invoked(world: &World, stack: &Stack, function: Function, event: &Value) -> Value {
    let end = world.aws.invoke(stack.function(function), event).await;
    assert!(!end.failed, "{function:?}: {}", end.payload);
    end.payload
}
