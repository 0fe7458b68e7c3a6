//! Rows of receivers and notices to test with.

use offpeak_core::ids::{CredentialId, ReceiverId};
use offpeak_core::job::StateKind;
use offpeak_core::notice::{EventType, Notice, Receiver, Receivers, SigningSecret, State, Subject, Target, Webhook};

use crate::samples::{CREATED_MS, Namespace};

impl Namespace {
    /// What a receiver is owed of a new batch's end.
    pub fn notice(&self) -> Notice {
        let to = Target::Webhook(Webhook { receiver: self.receiver_id(), url: None });
        let subject = Subject::Batch(self.batch_id());
        Notice::new(self.tenant(), subject, EventType::BatchCompleted, to, CREATED_MS)
    }

    /// Notices that differ in every field that may.
    pub fn various_notices(&self) -> Vec<Notice> {
        let url = Some("https://hooks.example/ü?q=\"1\"".to_owned());
        let webhook = Target::Webhook(Webhook { receiver: self.receiver_id(), url });
        let job = |end| Subject::Job { id: self.job().id, attempt: 3, end };
        let at_ms = CREATED_MS + 9;
        let last = Some("the receiver answered 503".to_owned());
        let to_bus =
            Notice::new(self.tenant(), job(StateKind::Done), EventType::ResponseIncomplete, Target::Bus, CREATED_MS);
        vec![
            self.notice(),
            Notice::new(self.tenant(), job(StateKind::Expired), EventType::JobExpired, webhook, CREATED_MS),
            Notice { attempts: 2, due_ms: at_ms, last: last.clone(), ..to_bus },
            Notice { state: State::Delivered { at_ms }, attempts: 1, ..self.notice() },
            Notice { state: State::Dead { at_ms }, attempts: 10, last, ..self.notice() },
            Notice { state: State::Void { at_ms }, ..self.notice() },
        ]
    }

    /// A new receiver's id.
    pub fn receiver_id(&self) -> ReceiverId {
        ReceiverId(self.bytes())
    }

    /// A receiver of every event.
    pub fn receiver(&self) -> Receiver {
        Receiver {
            id: self.receiver_id(),
            name: "a name, with \"quotes\" and ümlauts".to_owned(),
            url: "https://hooks.example/offpeak".to_owned(),
            events: EventType::ALL.to_vec(),
            secrets: vec![
                SigningSecret { sealed: CredentialId::from("caller:2"), until_ms: None },
                SigningSecret { sealed: CredentialId::from("caller:1"), until_ms: Some(CREATED_MS + 5) },
            ],
            hint: "wXyZ".to_owned(),
            created_ms: CREATED_MS,
            updated_ms: CREATED_MS + 1,
            disabled_ms: Some(CREATED_MS + 2),
        }
    }

    /// A tenant's row with two receivers, as it is before it is stored.
    pub fn receivers(&self) -> Receivers {
        let all = vec![self.receiver(), Receiver { disabled_ms: None, events: Vec::new(), ..self.receiver() }];
        Receivers { all, asked_until_ms: CREATED_MS + 7, ..Receivers::none(self.tenant()) }
    }
}
