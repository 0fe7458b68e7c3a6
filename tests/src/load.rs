//! Many callers at once, who come back as official SDKs do, and check that they get their own answers.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::{Http, chat, echoed};

/// Callers that each ask a question of their own.
#[derive(Debug, Clone)]
pub struct Load {
    http: Http,
    name: String,
    count: usize,
    spread: Duration,
    within: Duration,
}

/// What became of them.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Answers with status 200 to the caller's own question.
    pub right: usize,
    /// Answers to another question, or what no caller can read.
    pub wrong: usize,
    /// Callers that gave up.
    pub lost: usize,
    /// Final answers with another status, by it.
    pub refused: Vec<(String, u16, String)>,
    /// Calls that were sent again.
    pub retried: usize,
}

enum End {
    Right,
    Wrong,
    Lost,
    Refused(String, u16, String),
}

impl Load {
    /// So many callers.
    pub fn of(http: &Http, name: &str, count: usize) -> Self {
        let within = Duration::from_mins(3);
        Self { http: http.clone(), name: name.to_owned(), count, spread: Duration::ZERO, within }
    }

    /// Beginning one after the other over this time.
    #[must_use]
    pub fn over(self, spread: Duration) -> Self {
        Self { spread, ..self }
    }

    /// Sends everything and waits for every answer.
    pub async fn run(self) -> Outcome {
        let mut callers = JoinSet::new();
        for number in 0..self.count {
            let (load, number) = (self.clone(), u32::try_from(number).unwrap_or(u32::MAX));
            callers.spawn(async move { load.ask(number).await });
        }
        let mut outcome = Outcome::default();
        for (end, retried) in callers.join_all().await {
            outcome.retried += retried;
            match end {
                End::Right => outcome.right += 1,
                End::Wrong => outcome.wrong += 1,
                End::Lost => outcome.lost += 1,
                End::Refused(question, status, body) => outcome.refused.push((question, status, body)),
            }
        }
        outcome
    }

    async fn ask(&self, number: u32) -> (End, usize) {
        let question = format!("{} {number}", self.name);
        let body = chat(&question);
        let count = u32::try_from(self.count).unwrap_or(u32::MAX).max(1);
        tokio::time::sleep(self.spread * number / count).await;
        let began = Instant::now();
        let mut retries = 0;
        loop {
            let answer = self.http.post("/v1/chat/completions", &body).retry(retries).try_send().await;
            let pause = match answer {
                Ok(answer) if answer.status == 200 && echoed(&answer.body).as_ref() == Some(&question) => {
                    return (End::Right, retries as usize);
                }
                Ok(answer) if answer.status == 200 => return (End::Wrong, retries as usize),
                Ok(answer) if answer.header("x-should-retry") == "true" => {
                    let seconds = answer.header("retry-after").parse().unwrap_or(1_u64);
                    Duration::from_secs(seconds.min(60))
                }
                Ok(answer) => return (End::Refused(question, answer.status, answer.text()), retries as usize),
                // The SDKs begin at half a second; a test has less time.
                Err(_) => Duration::from_millis(100 << retries.min(3)),
            };
            if began.elapsed() + pause > self.within {
                return (End::Lost, retries as usize);
            }
            tokio::time::sleep(pause).await;
            retries += 1;
        }
    }
}

impl Outcome {
    /// Checks that every caller got its own answer.
    pub fn all_right(&self, count: usize) {
        assert_eq!((self.right, self.wrong, self.lost), (count, 0, 0), "{:?}", self.refused);
    }
}
