//! The fakes pass the suites that every other implementation passes.
#![expect(clippy::unused_async, reason = "a factory may wait; these need not")]

use std::sync::Arc;

use offpeak_core::ports;
use offpeak_testkit::conformance::mailbox::Stand;
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

mod job_walk {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Jobs>, Arc<dyn ports::JobWalk>, ()) {
        let jobs = fakes::Jobs::default();
        (Arc::new(jobs.clone()), Arc::new(jobs), ())
    }

    offpeak_testkit::job_walk_conformance!(fake);
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

mod submission_walk {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Submissions>, Arc<dyn ports::SubmissionWalk>, ()) {
        let submissions = fakes::Submissions::default();
        (Arc::new(submissions.clone()), Arc::new(submissions), ())
    }

    offpeak_testkit::submission_walk_conformance!(fake);
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

mod mailbox {
    use super::{Arc, Stand, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Mailbox>, Arc<dyn Stand>, ()) {
        let mailbox = fakes::Mailbox::default();
        (Arc::new(mailbox.clone()), Arc::new(mailbox), ())
    }

    offpeak_testkit::mailbox_conformance!(fake);
}

mod objects {
    use super::{Arc, TokioClock, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Objects>, ()) {
        (Arc::new(fakes::Objects::new(Arc::new(TokioClock::default()))), ())
    }

    offpeak_testkit::objects_conformance!(fake);
}

mod share {
    use super::{Arc, TokioClock, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Objects>, Arc<dyn ports::Share>, ()) {
        let objects = fakes::Objects::new(Arc::new(TokioClock::default()));
        (Arc::new(objects.clone()), Arc::new(objects), ())
    }

    offpeak_testkit::share_conformance!(fake);
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

mod backend {
    use super::{Arc, TokioClock, ports};
    use offpeak_testkit::provider::{Script, ScriptedProvider};
    use secrecy::SecretString;

    async fn scripted() -> (Arc<dyn ports::Backend>, Arc<SecretString>, ()) {
        tokio::time::pause();
        let provider = ScriptedProvider::new(&TokioClock::default(), 1, Script::calm());
        (Arc::new(provider), Arc::new(SecretString::from("sk-test")), ())
    }

    offpeak_testkit::backend_conformance!(scripted);
}

/// Ports behind an open gate are the ports.
mod behind_an_open_gate {
    use super::{Arc, Stand, TokioClock, fakes, ports};
    use offpeak_testkit::chaos::{self, OpenGate};

    mod jobs {
        use super::{Arc, OpenGate, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Jobs>, ()) {
            (Arc::new(chaos::Jobs::new(Arc::new(fakes::Jobs::default()), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::jobs_conformance!(gated);
    }

    mod submissions {
        use super::{Arc, OpenGate, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Submissions>, ()) {
            (Arc::new(chaos::Submissions::new(Arc::new(fakes::Submissions::default()), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::submissions_conformance!(gated);
    }

    mod classes {
        use super::{Arc, OpenGate, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Classes>, ()) {
            (Arc::new(chaos::Classes::new(Arc::new(fakes::Classes::default()), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::classes_conformance!(gated);
    }

    mod intake {
        use super::{Arc, OpenGate, TokioClock, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Intake>, ()) {
            tokio::time::pause();
            let intake = fakes::Intake::new(Arc::new(TokioClock::default()));
            (Arc::new(chaos::Intake::new(Arc::new(intake), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::intake_conformance!(gated);
    }

    mod mailbox {
        use super::{Arc, OpenGate, Stand, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Mailbox>, Arc<dyn Stand>, ()) {
            let mailbox = fakes::Mailbox::default();
            let gated = chaos::Mailbox::new(Arc::new(mailbox.clone()), Arc::new(OpenGate));
            (Arc::new(gated), Arc::new(mailbox), ())
        }

        offpeak_testkit::mailbox_conformance!(gated);
    }

    mod objects {
        use super::{Arc, OpenGate, TokioClock, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Objects>, ()) {
            let objects = fakes::Objects::new(Arc::new(TokioClock::default()));
            (Arc::new(chaos::Objects::new(Arc::new(objects), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::objects_conformance!(gated);
    }

    mod usage {
        use super::{Arc, OpenGate, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Usage>, ()) {
            (Arc::new(chaos::Usage::new(Arc::new(fakes::Usage::default()), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::usage_conformance!(gated);
    }

    mod files {
        use super::{Arc, OpenGate, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Files>, ()) {
            (Arc::new(chaos::Files::new(Arc::new(fakes::Files::default()), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::files_conformance!(gated);
    }

    mod uploads {
        use super::{Arc, OpenGate, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Uploads>, ()) {
            (Arc::new(chaos::Uploads::new(Arc::new(fakes::Uploads::default()), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::uploads_conformance!(gated);
    }

    mod batches {
        use super::{Arc, OpenGate, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Batches>, ()) {
            (Arc::new(chaos::Batches::new(Arc::new(fakes::Batches::default()), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::batches_conformance!(gated);
    }

    mod receivers {
        use super::{Arc, OpenGate, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Receivers>, ()) {
            (Arc::new(chaos::Receivers::new(Arc::new(fakes::Receivers::default()), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::receivers_conformance!(gated);
    }

    mod notices {
        use super::{Arc, OpenGate, chaos, fakes, ports};

        async fn gated() -> (Arc<dyn ports::Notices>, ()) {
            (Arc::new(chaos::Notices::new(Arc::new(fakes::Notices::default()), Arc::new(OpenGate))), ())
        }

        offpeak_testkit::notices_conformance!(gated);
    }
}

mod files {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Files>, ()) {
        (Arc::new(fakes::Files::default()), ())
    }

    offpeak_testkit::files_conformance!(fake);
}

mod file_sweep {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Files>, Arc<dyn ports::FileSweep>, ()) {
        let files = fakes::Files::default();
        (Arc::new(files.clone()), Arc::new(files), ())
    }

    offpeak_testkit::file_sweep_conformance!(fake);
}

mod uploads {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Uploads>, ()) {
        (Arc::new(fakes::Uploads::default()), ())
    }

    offpeak_testkit::uploads_conformance!(fake);
}

mod upload_sweep {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Uploads>, Arc<dyn ports::UploadSweep>, ()) {
        let uploads = fakes::Uploads::default();
        (Arc::new(uploads.clone()), Arc::new(uploads), ())
    }

    offpeak_testkit::upload_sweep_conformance!(fake);
}

mod batches {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Batches>, ()) {
        (Arc::new(fakes::Batches::default()), ())
    }

    offpeak_testkit::batches_conformance!(fake);
}

mod batch_sweep {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Batches>, Arc<dyn ports::BatchSweep>, ()) {
        let batches = fakes::Batches::default();
        (Arc::new(batches.clone()), Arc::new(batches), ())
    }

    offpeak_testkit::batch_sweep_conformance!(fake);
}

mod batch_walk {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Batches>, Arc<dyn ports::BatchWalk>, ()) {
        let batches = fakes::Batches::default();
        (Arc::new(batches.clone()), Arc::new(batches), ())
    }

    offpeak_testkit::batch_walk_conformance!(fake);
}

mod receivers {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Receivers>, ()) {
        (Arc::new(fakes::Receivers::default()), ())
    }

    offpeak_testkit::receivers_conformance!(fake);
}

mod notices {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Notices>, ()) {
        (Arc::new(fakes::Notices::default()), ())
    }

    offpeak_testkit::notices_conformance!(fake);
}

mod notice_sweep {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Notices>, Arc<dyn ports::NoticeSweep>, ()) {
        let notices = fakes::Notices::default();
        (Arc::new(notices.clone()), Arc::new(notices), ())
    }

    offpeak_testkit::notice_sweep_conformance!(fake);
}

mod chunks {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Chunks>, ()) {
        (Arc::new(fakes::Chunks::default()), ())
    }

    offpeak_testkit::chunks_conformance!(fake);
}

mod served {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Chunks>, ()) {
        (Arc::new(fakes::Chunks::default()), ())
    }

    offpeak_testkit::served_conformance!(fake);
}

mod capacity {
    use super::{Arc, fakes, ports};

    async fn fake() -> (Arc<dyn ports::Capacity>, ()) {
        (Arc::new(fakes::Capacity::default()), ())
    }

    offpeak_testkit::capacity_conformance!(fake);
}
