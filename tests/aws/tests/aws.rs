//! The deployed application, end to end, on an emulator of AWS.

#[cfg(test)]
#[path = "aws"]
mod aws {
    mod bill;
    mod bill_run;
    mod bodies;
    mod door;
    mod privileges;
    mod schedules;
    mod sdk;
    mod upgrade;

    /// Waits for facts that others build on; whether they hold is for their own tests to say.
    async fn all(facts: &[&'static offpeak_tests_aws::Fact]) {
        for fact in facts {
            drop(fact.outcome().await);
        }
    }
}
