//! The deployed application, end to end, on an emulator of AWS.

#[cfg(test)]
#[path = "aws"]
mod aws {
    mod batches;
    mod bill;
    mod bill_batches;
    mod bill_batches_run;
    mod bill_notices;
    mod bill_run;
    mod bodies;
    mod door;
    mod files;
    mod fleet;
    mod inbox;
    mod instances;
    mod live;
    mod passthrough;
    mod privileges;
    mod rare;
    mod schedules;
    mod sdk;
    mod upgrade;
    mod webhooks;

    use futures_util::{StreamExt as _, stream};
    use offpeak_tests_aws::Fact;

    /// Facts found out at once, at most: the emulator is one process.
    const AT_ONCE: usize = 4;

    /// Waits for facts that others build on; whether they hold is for their own tests to say.
    async fn all(facts: &[&'static Fact]) {
        stream::iter(facts).for_each_concurrent(AT_ONCE, async |fact| drop(fact.outcome().await)).await;
    }
}
