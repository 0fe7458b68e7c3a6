//! Safeguards that a test can switch off, one at a time, to see that the proof notices.
//!
//! Without the feature `faults` every question is answered `false` at compile time.

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// A safeguard switched off.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $($(#[$doc])* $name),+ }

        impl Fault {
            /// Every fault, in the order of DESIGN's rules.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

faults! {
    /// Messages are deleted before their submission is sealed (rule 1).
    DeleteBeforeSeal,
    /// A claim does not compare state and attempt (rule 2).
    ClaimUnconditionally,
    /// A job of a dead open submission is taken without abandoning that submission (rule 2).
    ReclaimWithoutAbandoning,
    /// Room is checked after the claim (rule 3).
    RoomAfterClaim,
    /// A packed job is cancelled at once (rule 4).
    CancelPacked,
    /// The departure is written when the drain begins (rule 5).
    DepartEarly,
    /// A drain does not note its receives (rule 5).
    NoteForgotten,
    /// A refused or failed submission ends without collecting (rule 6).
    FailedLeft,
    /// A transfer that somebody is busy with is begun again (step 3).
    TransferRepeated,
    /// A download is believed without comparing its counts (rule 7).
    TruncatedBelieved,
    /// A second collector replaces the chosen results (rule 7).
    SecondCollectorOverwrites,
    /// Rows say done before the results object is durable (rule 7).
    DoneBeforeDurable,
    /// A collector that finds the job requeued does not send its message again (rule 7).
    RequeueWithoutResend,
    /// The create call is made before its intent is stored (rule 8).
    CreateWithoutIntent,
    /// Absence is believed without grace (rule 8).
    NoGrace,
    /// The creator reads its deadline again instead of keeping the one it stored (rule 8).
    DeadlineReread,
    /// Twins are cancelled before one is adopted (rule 8).
    TwinsBeforeAdoption,
    /// Whoever once held a chunk may write of it (fleet).
    AnyHolderWrites,
    /// A chunk's finished lines are handed out again (fleet).
    FinishedLinesRerun,
    /// A line that ran alone when its engine died is called again (fleet).
    KillerRunsAgain,
    /// A line that is to run alone runs beside those of another chunk (fleet).
    AloneInACrowd,
    /// A row names a part before it is durable (fleet).
    PartBeforeDurable,
    /// A holder's word does not renew its lease (fleet).
    LeaseUnrenewed,
    /// A report has all that is finished, whatever the gateway can take (fleet).
    ReportUnbounded,
    /// An instance that says nothing is thought well of (fleet).
    SilenceUnnoticed,
    /// A worker whose machine is at risk takes more work (fleet).
    TakesAfterNotice,
    /// A checkpoint whose reply was lost is stored again under another name (fleet).
    CheckpointRenamed,
    /// Whoever once held a chunk may give it back (fleet).
    GivenBackByAnybody,
    /// A chunk of any backend waits in the fleet's queues (fleet).
    BackendsMixed,
    /// A worker takes more while it is unsure of what it holds, and holds a chunk that it takes anew twice (fleet).
    HeldTwice,
    /// Calls of a provider begin whatever began within the minute (fleet).
    RatesUnkept,
    /// Calls of a model begin whatever of that model began within the minute (fleet).
    ModelRatesUnkept,
    /// Nobody hears that a provider took nothing (step 6).
    BreakerUntold,
    /// What a provider takes does not close its breaker (step 6).
    BreakerStuck,
    /// Usage is added instead of created if absent (rule 9).
    UsageTwice,
    /// The sweep expires a packed row whose submission lists it (rule 10).
    SweepPacked,
    /// An answer is handed out without comparing (rule 11).
    HandOutUnconditionally,
    /// A hand-out leaves no mark (rule 11).
    HandOutUnmarked,
    /// A lease is renewed without comparing (rule 12).
    LeaseUnconditional,
    /// A joining call never sends the message again (rule 13).
    NeverResend,
    /// A message received often is dropped (rule 14).
    PoisonDropped,
    /// A write that is unclear counts as written (step 4).
    UnclearBelieved,
    /// A claim that is unclear and took effect leaves its line out (step 2).
    UnclearLeftOut,
    /// A requeued job forgets where its body is (rule 14).
    PointerLost,
    /// Sealing does not compare the submission's version (step 2).
    SealUnconditional,
    /// The caller is told before the message is stored (promise 1).
    AcknowledgeEarly,
    /// What ends is written, and nobody is owed its notice (rule 15).
    EndUntold,
    /// Settling owes nobody the ends that it writes (rule 15).
    SettleUntold,
    /// A packer owes nobody the ends that it writes (rule 15).
    PackUntold,
    /// A cancel owes nobody the end that it writes (rule 15).
    CancelUntold,
    /// The sweep owes nobody the ends that it writes (rule 15).
    SweepUntold,
    /// A reader that meets an overdue job owes nobody the end that it writes (rule 15).
    ReaderUntold,
    /// An end is written before its notices are (rule 15).
    EndedBeforeOwed,
    /// That a tenant's jobs name receivers is not noted (rule 15).
    NamingUnnoted,
    /// A notice of an earlier attempt counts as one of the last (rule 15).
    EarlierAttemptTold,
    /// A notice of an end that another writer forestalled counts as one of the end that came (rule 15).
    OtherEndTold,
    /// A notice is sent before what it tells of holds (rule 15).
    ToldBeforeItHolds,
    /// The submissions of a batch's parts are created before the batch's row names them (rule 16).
    PlacedBeforeSplit,
    /// Who loses the race to split a batch creates its submissions all the same (rule 16).
    UnchosenPlaced,
    /// Who loses the race to bring a part home runs its lines again all the same (rule 16).
    RerunUnchosen,
    /// A batch that somebody splits or merges is split or merged by another at the same time (rule 16).
    BatchWorkRepeated,
    /// What a part says of lines that a later part ran again is merged too (rule 16).
    RerunsMergedTwice,
    /// Nobody looks at a target's grace (step 6).
    GraceIgnored,
    /// What was taken from a target runs there again (step 6).
    LaneKept,
    /// Lines that a target had finished run at a later one all the same (step 6).
    FinishedTakenToo,
    /// A target that lets a submission wait keeps it (step 6).
    PatienceEndless,
    /// What is private goes wherever its route does (step 6).
    PrivateLeaves,
}

#[cfg(feature = "faults")]
mod planted {
    use std::cell::Cell;

    use super::Fault;

    thread_local! {
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Plants one fault, or none, for everything that runs on this thread.
    pub fn plant(fault: Option<Fault>) {
        PLANTED.set(fault);
    }

    /// Whether this safeguard is off.
    pub fn planted(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }
}

#[cfg(feature = "faults")]
pub use planted::{plant, planted};

/// Whether this safeguard is off: never, in a build without the feature `faults`.
#[cfg(not(feature = "faults"))]
pub const fn planted(_: Fault) -> bool {
    false
}
