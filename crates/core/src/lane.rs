//! What may share a submission, and where its jobs go when it would be too late for them.

use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::faults::{Fault, planted};
use crate::fleet;
use crate::ids::CredentialId;
use crate::route::choose;

/// Jobs with equal lanes may share a submission; jobs with different lanes never do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// The key used towards the backend.
    pub credential: CredentialId,
    /// The configured provider's name.
    pub provider: String,
    /// Where each line is sent.
    pub endpoint: Endpoint,
    /// The upstream model: providers want one model per file.
    pub model: String,
    /// The service class, and so the intake queue.
    pub class: String,
    /// What its jobs were promised.
    #[serde(default, skip_serializing_if = "Terms::is_plain")]
    pub terms: Terms,
}

/// What the jobs of a lane were promised when they were accepted: fixed by then, whatever the configuration says later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// They never leave own model servers.
    pub private: bool,
    /// How long the lane's own target takes at most, milliseconds; 0 where nothing comes after it.
    pub within_ms: u64,
    /// So long before their deadline jobs that are not done are taken to a later target, milliseconds; none, never.
    pub grace_ms: Option<u64>,
    /// The targets that come after the lane's own, in order of price.
    pub then: Vec<Next>,
}

/// A target that comes after another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Next {
    /// The backend's name.
    pub provider: String,
    /// The model's name there.
    pub model: String,
    /// How long it takes at most, milliseconds.
    pub within_ms: u64,
    /// Its own grace, where something comes after it in turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u64>,
}

impl Terms {
    /// Whether nothing was promised: what rows of earlier versions say.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl Lane {
    /// When a job with this deadline is to be taken elsewhere if it is not done, Unix milliseconds; `None`, never.
    pub fn turn_ms(&self, deadline_ms: u64) -> Option<u64> {
        let grace_ms = self.terms.grace_ms.filter(|_| !self.terms.then.is_empty() && !planted(Fault::GraceIgnored))?;
        Some(deadline_ms.saturating_sub(grace_ms))
    }

    /// Whether one of the later targets answers within so many milliseconds.
    pub fn has_later_within(&self, left_ms: u64) -> bool {
        self.terms.then.iter().any(|next| next.within_ms <= left_ms)
    }

    /// The lane of the later target that is the cheapest of those that answer within so many milliseconds, or else the
    /// fastest; `None` if nothing comes later.
    pub fn later(&self, left_ms: u64) -> Option<Self> {
        let at = choose(self.terms.then.iter().map(|next| next.within_ms), left_ms)?;
        let next = &self.terms.then[at];
        let own = self.credential.is_own();
        Some(Self {
            credential: if own { CredentialId::own(&next.provider) } else { self.credential.clone() },
            provider: next.provider.clone(),
            model: next.model.clone(),
            terms: Terms {
                within_ms: next.within_ms,
                grace_ms: next.grace_ms,
                then: self.terms.then[at + 1..].to_vec(),
                ..self.terms.clone()
            },
            ..self.clone()
        })
    }

    /// The lane in which a job with this deadline runs again, if it is another: its own target would be too late for it.
    pub fn when_late(&self, deadline_ms: u64, now_ms: u64) -> Option<Self> {
        let turned = self.turn_ms(deadline_ms).is_some_and(|turn_ms| now_ms >= turn_ms);
        let left_ms = deadline_ms.saturating_sub(now_ms);
        if turned || self.terms.within_ms > left_ms { self.later(left_ms) } else { None }
    }

    /// Whether its lines may not go where it says: the last look before anything leaves.
    pub fn is_astray(&self) -> bool {
        self.terms.private && self.provider != fleet::NAME && !planted(Fault::PrivateLeaves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn lane(then: &[(&str, u64)]) -> Lane {
        let next = |(provider, within_ms): &(&str, u64)| Next {
            provider: (*provider).to_owned(),
            model: format!("m at {provider}"),
            within_ms: *within_ms,
            grace_ms: None,
        };
        Lane {
            credential: CredentialId::own("first"),
            provider: "first".to_owned(),
            endpoint: Endpoint::Embeddings,
            model: "m".to_owned(),
            class: "soon".to_owned(),
            terms: Terms {
                private: false,
                within_ms: 24 * HOUR_MS,
                grace_ms: Some(2 * HOUR_MS),
                then: then.iter().map(next).collect(),
            },
        }
    }

    #[test]
    fn a_job_stays_while_its_own_target_is_in_time() {
        let lane = lane(&[("second", 6 * HOUR_MS), ("third", HOUR_MS)]);
        let goes = |left_ms| lane.when_late(100 * HOUR_MS, 100 * HOUR_MS - left_ms).map(|lane| lane.provider);
        assert_eq!(goes(72 * HOUR_MS), None);
        assert_eq!(goes(24 * HOUR_MS), None);
        assert_eq!(goes(24 * HOUR_MS - 1).as_deref(), Some("second"), "the cheapest that is in time");
        assert_eq!(goes(5 * HOUR_MS).as_deref(), Some("third"));
        assert_eq!(goes(1).as_deref(), Some("third"), "the fastest, if none is");
    }

    #[test]
    fn a_later_target_has_only_what_comes_after_it() {
        let second = lane(&[("second", 6 * HOUR_MS), ("third", HOUR_MS)]).later(10 * HOUR_MS).unwrap();
        assert_eq!((second.provider.as_str(), second.model.as_str()), ("second", "m at second"));
        assert_eq!(second.credential, CredentialId::own("second"));
        assert_eq!(second.terms.then.len(), 1);
        assert_eq!(second.turn_ms(HOUR_MS), None, "its grace is its own");
        let third = second.later(0).unwrap();
        assert_eq!((third.provider.as_str(), third.later(0)), ("third", None));
    }

    #[test]
    fn a_callers_own_key_goes_along() {
        let sealed = CredentialId::from("sealed");
        let lane = Lane { credential: sealed.clone(), ..lane(&[("second", 1)]) };
        assert_eq!(lane.later(0).unwrap().credential, sealed);
    }

    #[test]
    fn a_lane_without_terms_is_written_as_it_always_was() {
        let plain = Lane { terms: Terms::default(), ..lane(&[]) };
        let text = serde_json::to_string(&plain).unwrap();
        assert!(!text.contains("terms"), "{text}");
        assert_eq!(serde_json::from_str::<Lane>(&text).unwrap(), plain);
    }
}
