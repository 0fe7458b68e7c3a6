//! The promises of [`Usage`].

use futures_util::future::join_all;
use offpeak_core::ids::{SubmissionId, TenantId};
use offpeak_core::ports::{Usage, UsageRow};

use crate::samples::Namespace;

/// Makes each promise of the usage rows a test. The factory gives `(Arc<dyn Usage>, guard)`.
#[macro_export]
macro_rules! usage_conformance {
    ($factory:expr) => {
        $crate::conformance_cases!(
            usage(port),
            $factory,
            [
                rows_read_as_they_were_recorded,
                a_repeated_record_adds_nothing,
                a_taken_row_is_not_changed,
                tenants_of_a_submission_have_rows_of_their_own,
                submissions_of_a_tenant_have_rows_of_their_own,
                a_pair_twice_in_one_call_is_stored_once,
                one_of_64_records_stands,
                a_submission_without_usage_has_no_rows,
                an_empty_record_does_nothing,
            ]
        );
    };
}

fn used(submission: SubmissionId, tenant: &TenantId, lines: u64) -> UsageRow {
    UsageRow {
        submission,
        tenant: tenant.clone(),
        model: "gpt-4o-mini".to_owned(),
        lines,
        input_tokens: 5_000_000_000 + lines,
        output_tokens: 7_000_000_000 + lines,
    }
}

async fn of(usage: &dyn Usage, submission: SubmissionId) -> Vec<UsageRow> {
    let mut rows = usage.of(submission).await.unwrap();
    rows.sort_by(|a, b| a.tenant.cmp(&b.tenant));
    rows
}

/// Every field reads back.
pub async fn rows_read_as_they_were_recorded(usage: &dyn Usage) {
    let names = Namespace::fresh();
    let row = used(names.submission_id(), &names.tenant(), 3);
    usage.record(vec![row.clone()]).await.unwrap();
    assert_eq!(of(usage, row.submission).await, [row]);
}

/// A record repeated after a lost reply counts once.
pub async fn a_repeated_record_adds_nothing(usage: &dyn Usage) {
    let names = Namespace::fresh();
    let row = used(names.submission_id(), &names.tenant(), 3);
    for _ in 0..3 {
        usage.record(vec![row.clone()]).await.unwrap();
    }
    assert_eq!(of(usage, row.submission).await, [row]);
}

/// The first record of a pair stands.
pub async fn a_taken_row_is_not_changed(usage: &dyn Usage) {
    let names = Namespace::fresh();
    let first = used(names.submission_id(), &names.tenant(), 3);
    usage.record(vec![first.clone()]).await.unwrap();
    let other = UsageRow { model: "other".to_owned(), ..used(first.submission, &first.tenant, 9) };
    usage.record(vec![other]).await.unwrap();
    assert_eq!(of(usage, first.submission).await, [first]);
}

/// A taken pair among new ones stops none of them.
pub async fn tenants_of_a_submission_have_rows_of_their_own(usage: &dyn Usage) {
    let names = Namespace::fresh();
    let submission = names.submission_id();
    let [a, b, c] = ["a", "b", "c"].map(|tenant| used(submission, &TenantId(names.name(tenant)), 1));
    usage.record(vec![b.clone()]).await.unwrap();
    let again = UsageRow { lines: 8, ..b.clone() };
    usage.record(vec![a.clone(), again, c.clone()]).await.unwrap();
    assert_eq!(of(usage, submission).await, [a, b, c]);
}

/// A submission's rows are its own.
pub async fn submissions_of_a_tenant_have_rows_of_their_own(usage: &dyn Usage) {
    let names = Namespace::fresh();
    let rows = [1, 2].map(|lines| used(names.submission_id(), &names.tenant(), lines));
    usage.record(rows.to_vec()).await.unwrap();
    for row in rows {
        assert_eq!(of(usage, row.submission).await, [row]);
    }
}

/// Two rows of one pair in one call: the first stands.
pub async fn a_pair_twice_in_one_call_is_stored_once(usage: &dyn Usage) {
    let names = Namespace::fresh();
    let row = used(names.submission_id(), &names.tenant(), 3);
    usage.record(vec![row.clone(), UsageRow { lines: 4, ..row.clone() }]).await.unwrap();
    assert_eq!(of(usage, row.submission).await, [row]);
}

/// Concurrent records of one pair leave one of them, whole.
pub async fn one_of_64_records_stands(usage: &dyn Usage) {
    let names = Namespace::fresh();
    let submission = names.submission_id();
    let rows: Vec<UsageRow> = (0..64).map(|lines| used(submission, &names.tenant(), lines)).collect();
    for reply in join_all(rows.iter().map(|row| usage.record(vec![row.clone()]))).await {
        reply.unwrap();
    }
    let stands = of(usage, submission).await;
    assert_eq!(stands.len(), 1, "one row");
    assert!(rows.contains(&stands[0]), "and one of those recorded");
}

/// Nothing there is no error.
pub async fn a_submission_without_usage_has_no_rows(usage: &dyn Usage) {
    assert_eq!(of(usage, Namespace::fresh().submission_id()).await, []);
}

/// Nothing to record is no error.
pub async fn an_empty_record_does_nothing(usage: &dyn Usage) {
    usage.record(Vec::new()).await.unwrap();
}
