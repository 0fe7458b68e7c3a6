//! The fakes pass the suites that every other implementation passes.

use std::sync::Arc;

use offpeak_core::ports;
use offpeak_testkit::fakes::{self, TokioClock};

mod jobs {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Jobs>, ()) {
        (Arc::new(fakes::Jobs::default()), ())
    }

    offpeak_testkit::jobs_conformance!(fake);
}

mod job_index {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Jobs>, Arc<dyn ports::JobIndex>, ()) {
        let jobs = fakes::Jobs::default();
        (Arc::new(jobs.clone()), Arc::new(jobs), ())
    }

    offpeak_testkit::job_index_conformance!(fake);
}

mod job_sweep {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Jobs>, Arc<dyn ports::JobSweep>, ()) {
        let jobs = fakes::Jobs::default();
        (Arc::new(jobs.clone()), Arc::new(jobs), ())
    }

    offpeak_testkit::job_sweep_conformance!(fake);
}

mod submissions {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Submissions>, ()) {
        (Arc::new(fakes::Submissions::default()), ())
    }

    offpeak_testkit::submissions_conformance!(fake);
}

mod submission_sweep {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Submissions>, Arc<dyn ports::SubmissionSweep>, ()) {
        let submissions = fakes::Submissions::default();
        (Arc::new(submissions.clone()), Arc::new(submissions), ())
    }

    offpeak_testkit::submission_sweep_conformance!(fake);
}

mod classes {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Classes>, ()) {
        (Arc::new(fakes::Classes::default()), ())
    }

    offpeak_testkit::classes_conformance!(fake);
}

mod intake {
    use super::{Arc, TokioClock, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Intake>, ()) {
        (Arc::new(fakes::Intake::new(Arc::new(TokioClock::default()))), ())
    }

    offpeak_testkit::intake_conformance!(fake);
}

/// The same with a clock that leaps instead of waiting.
mod intake_in_paused_time {
    use super::{Arc, TokioClock, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Intake>, ()) {
        tokio::time::pause();
        (Arc::new(fakes::Intake::new(Arc::new(TokioClock::default()))), ())
    }

    offpeak_testkit::intake_conformance!(fake);
}

mod objects {
    use super::{Arc, TokioClock, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Objects>, ()) {
        (Arc::new(fakes::Objects::new(Arc::new(TokioClock::default()))), ())
    }

    offpeak_testkit::objects_conformance!(fake);
}

mod usage {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Usage>, ()) {
        (Arc::new(fakes::Usage::default()), ())
    }

    offpeak_testkit::usage_conformance!(fake);
}

mod credentials {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Credentials>, ()) {
        (Arc::new(fakes::Credentials::default()), ())
    }

    offpeak_testkit::credentials_conformance!(fake);
}

mod keys {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Keys>, ()) {
        (Arc::new(fakes::Keys::default()), ())
    }

    offpeak_testkit::keys_conformance!(fake);
}
