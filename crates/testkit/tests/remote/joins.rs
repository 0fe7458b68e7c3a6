//! What a call that comes back reads and writes: a cloud asks a price for each row.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use offpeak_core::flows::accept::{Accepted, Asked, Call, accept};
use offpeak_core::flows::hand_out::{HandedOut, hand_out};
use offpeak_core::ids::RequestId;
use offpeak_core::job::{Event, Job, State};
use offpeak_core::ports::{Clock, Jobs as _, Ports, Written};
use offpeak_testkit::fakes::{Fakes, TokioClock};
use offpeak_testkit::samples::{Namespace, after, to};

use crate::calls::asked;
use crate::meter::{Meter, distant};

/// Callers of one question.
struct Callers {
    clock: TokioClock,
    fakes: Fakes,
    ports: Ports,
    meter: Meter,
    asked: Asked,
}

/// Rows read, rows that were to be created, marks and messages.
type Costs = [usize; 4];

impl Callers {
    fn new(key: Option<&str>) -> Self {
        let clock = TokioClock::default();
        let (fakes, ports, meter) = distant(&clock);
        let asked = Asked { key: key.map(str::to_owned), ..asked(1, clock.now_ms()) };
        Self { clock, fakes, ports, meter, asked }
    }

    /// The call, and what it cost until it had its job.
    async fn call(&self, retry_count: u32) -> (Accepted, Costs) {
        self.meter.reset();
        let call = Call { request: RequestId([9; 16]), retry_count, polls: false };
        let accepted = accept(&self.ports, &self.asked, &call, &|| false).await.unwrap();
        let costs = ["jobs.get", "jobs.create", "jobs.mark", "intake.send"].map(|what| self.meter.of(what).items);
        (accepted, costs)
    }

    /// Gives the job an answer, as a collector does.
    async fn answer(&self, job: &Job) {
        let names = Namespace::fresh();
        let claim = Event::Claim(names.submission_id());
        let end = to(&after(job, claim.clone()), Event::Answer(names.answer()));
        assert_eq!(self.fakes.jobs.apply(vec![to(job, claim), end]).await.unwrap(), [Written::Yes, Written::Yes]);
    }

    /// Gives the job's answer to a caller of its own.
    async fn hand_out(&self, job: &Job, retry_count: u32) {
        let call = Call { request: RequestId(job.id.0), retry_count, polls: false };
        assert_eq!(hand_out(&self.ports, job.id, false, &call).await.unwrap(), HandedOut::Yes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_a_lone_job_reads_one_row() {
    let callers = Callers::new(None);
    let (first, costs) = callers.call(0).await;
    assert_eq!(costs, [0, 1, 0, 1]);
    let (early, costs) = callers.call(1).await;
    assert_eq!((early.job.id, costs), (first.job.id, [1, 0, 1, 1]), "its message may never have been sent");
    let (early, costs) = callers.call(2).await;
    assert_eq!((early.job.id, costs), (first.job.id, [1, 0, 0, 0]));
    callers.answer(&first.job).await;
    let (ready, costs) = callers.call(3).await;
    assert_eq!((ready.job.id, ready.again, costs), (first.job.id, false, [1, 0, 0, 0]));
    callers.hand_out(&first.job, 3).await;
    let (lost, costs) = callers.call(4).await;
    assert_eq!((lost.job.id, lost.again, costs), (first.job.id, true, [2, 0, 0, 0]), "another may have begun");
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_one_of_many_reads_no_more_than_decides() {
    let callers = Callers::new(None);
    let mut jobs = Vec::new();
    for _ in 0..9 {
        jobs.push(callers.call(0).await.0.job);
    }
    let (oldest, costs) = callers.call(1).await;
    assert_eq!((oldest.job.id, costs[0]), (jobs[0].id, 1), "the oldest that nobody has");
    // Twin 0 and the pages after it: of two rows, of four, and of what is left with the place after the last.
    for (taken, read) in [(0, 3), (1, 3), (2, 7), (3, 7), (4, 7), (5, 7), (6, 10), (7, 10)] {
        callers.answer(&jobs[taken]).await;
        callers.hand_out(&jobs[taken], 1).await;
        let (next, costs) = callers.call(2).await;
        assert_eq!((next.job.id, costs[0]), (jobs[taken + 1].id, read), "{taken}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_handed_out_long_ago_is_passed_over_by_the_next_call() {
    let callers = Callers::new(None);
    let (old, _) = callers.call(0).await;
    callers.answer(&old.job).await;
    callers.hand_out(&old.job, 1).await;
    callers.clock.sleep_ms(3_600_001).await;
    let (new, _) = callers.call(0).await;
    let (first, costs) = callers.call(1).await;
    assert_eq!((first.job.id, costs), (new.job.id, [3, 0, 2, 1]), "the bound is raised, the message sent again");
    let (second, costs) = callers.call(2).await;
    assert_eq!((second.job.id, costs), (new.job.id, [2, 0, 0, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_retry_with_a_key_reads_its_row_instead_of_creating_it() {
    let callers = Callers::new(Some("k"));
    let (first, costs) = callers.call(0).await;
    assert_eq!(costs, [0, 1, 0, 1]);
    callers.call(1).await;
    let (early, costs) = callers.call(2).await;
    assert_eq!((early.job.id, early.joined, costs), (first.job.id, true, [1, 0, 0, 0]));
    let another = Callers::new(Some("k"));
    let (lost, costs) = another.call(1).await;
    assert_eq!((lost.joined, costs), (false, [1, 1, 0, 1]), "its first call never came");
}

#[tokio::test(start_paused = true)]
async fn an_overdue_job_that_a_retry_meets_expires_and_is_sent_no_more() {
    for key in [None, Some("k")] {
        let callers = Callers::new(key);
        let (first, _) = callers.call(0).await;
        callers.clock.sleep_ms(first.job.deadline_ms - callers.clock.now_ms() + 1).await;
        // So late a retry that its first call can be as old as the job.
        let (met, costs) = callers.call(1_000).await;
        assert_eq!((met.job.id, &met.job.state, costs), (first.job.id, &State::Expired, [1, 0, 0, 0]));
    }
}
