//! Rows of files, uploads and batches to test with.

use std::collections::BTreeMap;

use offpeak_core::batch::{
    Asked, Batch, Collected, InputError, InputRule, Part, PartState, Rest, Results, State, StateKind, Times, Usage,
};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::file::{File, Purpose, Upload, UploadPart, UploadState};
use offpeak_core::ids::{NativeBatchId, NativeFileId, PartId, TenantId, UploadId};

use crate::samples::{CREATED_MS, Namespace};

impl Namespace {
    /// A new file's id, above all earlier ones.
    pub fn file_id(&self) -> NativeFileId {
        NativeFileId(self.bytes())
    }

    /// A new batch's id, above all earlier ones.
    pub fn batch_id(&self) -> NativeBatchId {
        NativeBatchId(self.bytes())
    }

    /// Another tenant than [`Namespace::tenant`].
    pub fn stranger(&self) -> TenantId {
        TenantId(self.name("stranger"))
    }

    /// A new file that never expires.
    pub fn file(&self) -> File {
        let id = self.file_id();
        File {
            id,
            tenant: self.tenant(),
            purpose: Purpose::Batch,
            filename: "a name, with \"quotes\" and ümlauts.jsonl".to_owned(),
            bytes: 1 << 40,
            created_ms: CREATED_MS,
            expires_ms: None,
            object: self.object(&id.text()),
        }
    }

    /// A new upload that is pending.
    pub fn upload(&self) -> Upload {
        Upload {
            id: UploadId(self.bytes()),
            tenant: self.tenant(),
            version: 1,
            purpose: Purpose::FineTune,
            filename: "train.jsonl".to_owned(),
            mime_type: "text/jsonl".to_owned(),
            bytes: 12,
            expires_after_ms: Some(3_600_000),
            created_ms: CREATED_MS,
            expires_ms: CREATED_MS + 3_600_000,
            state: UploadState::Pending,
            parts: Vec::new(),
        }
    }

    /// A part of an upload.
    pub fn upload_part(&self) -> UploadPart {
        UploadPart { id: PartId(self.bytes()), object: self.object("part"), bytes: 6 }
    }

    /// A new batch that is validating.
    pub fn batch(&self) -> Batch {
        Batch {
            id: self.batch_id(),
            tenant: self.tenant(),
            version: 1,
            asked: Asked {
                endpoint: Endpoint::Responses,
                input: self.file_id(),
                misnamed: None,
                retry_of: None,
                window: "24h".to_owned(),
                metadata: Some(BTreeMap::from([("key".to_owned(), "\"välue\"".to_owned())])),
                output_expires_after_ms: Some(3_600_000),
                credential: None,
                rule: InputRule::Strict,
                private: false,
                webhook: None,
                outbox: None,
            },
            created_ms: CREATED_MS,
            deadline_ms: CREATED_MS + 86_400_000,
            state: State::Validating,
            times: Times::default(),
            lines: 0,
            model: None,
            parts: Vec::new(),
            busy_until_ms: 0,
        }
    }

    /// Each state in which something is still owed to a batch.
    pub fn open_batch_states(&self) -> Vec<State> {
        vec![
            State::Validating,
            State::InProgress,
            State::Finalizing,
            State::Cancelling { split: false },
            State::Cancelling { split: true },
        ]
    }

    /// Each final state of a batch.
    pub fn final_batch_states(&self) -> Vec<State> {
        let results = Results { output: Some(self.file_id()), errors: None };
        let errors = vec![InputError {
            line: Some(3),
            code: "invalid_json_line".to_owned(),
            message: "This line is not parseable as valid JSON.".to_owned(),
            param: None,
        }];
        vec![
            State::Failed { errors },
            State::Completed(results.clone()),
            State::Expired(results.clone()),
            State::Cancelled(results),
        ]
    }

    /// The batch in a state, with parts of every kind, and the times that go with it.
    pub fn batch_in(&self, state: State) -> Batch {
        let ended_ms = state.kind().is_final().then_some(CREATED_MS + 5);
        let finalizing_ms = (state.kind() == StateKind::Finalizing).then_some(CREATED_MS + 4);
        let times = Times { in_progress_ms: Some(CREATED_MS + 1), finalizing_ms, ended_ms, ..Times::default() };
        let placed = PartState::Placed { withdrawn: true };
        let parts = [PartState::Sealed, placed, PartState::Collected(self.collected())];
        let parts = parts.map(|state| self.part(state)).to_vec();
        Batch { state, times, lines: 150_000, model: Some("m".to_owned()), parts, ..self.batch() }
    }

    /// The batch in a final state, its results meant for the outbox, and there at that time if there is one.
    pub fn batch_to_give(&self, state: State, given_ms: Option<u64>) -> Batch {
        let ended = self.batch_in(state);
        let asked = Asked { outbox: Some("tenant/name with ä".to_owned()), ..ended.asked };
        Batch { asked, times: Times { given_ms, ..ended.times }, ..ended }
    }

    /// A part in a state.
    pub fn part(&self, state: PartState) -> Part {
        Part {
            submission: self.submission_id(),
            lane: self.lane(),
            model: "my-model".to_owned(),
            sealed: self.sealed(),
            attempt: 1,
            picked: 2,
            again_of: Some(self.submission_id()),
            state,
        }
    }

    fn collected(&self) -> Collected {
        Collected {
            order: 7,
            results: Some(self.object("results")),
            completed: 40_000,
            failed: 7,
            unrun: 3,
            rerun: 9_990,
            usage: Usage { input_tokens: u64::MAX >> 12, cached_tokens: 2, output_tokens: 3, reasoning_tokens: 4 },
            rest: Rest { code: "batch_expired".to_owned(), message: "It was too late.".to_owned() },
        }
    }
}
