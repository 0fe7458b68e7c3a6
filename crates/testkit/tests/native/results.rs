//! Results while a batch runs, and a retry of what failed.

use std::collections::BTreeSet;

use offpeak_core::batch::StateKind;
use offpeak_core::flows::batches::{Cursor, results, retry};
use offpeak_core::ids::TenantId;
use offpeak_core::submission::Limits;
use offpeak_testkit::provider::{LineOdds, Script, Span};
use serde_json::Value;

use crate::desk::{DAY_MS, Desk, line, lines, names};

#[test]
fn a_cursor_has_one_spelling() {
    let cursor = Cursor { parts: 3, offset: 1_234 };
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for wrong in ["", "3", "3-", "-4", "3-04", "+3-4", "3-4-5", "a-1"] {
        assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_bring_every_answer_once_while_the_batch_runs() {
    let script = Script {
        run: Span::new(1_000, 60_000),
        lines: LineOdds { rate_limited: 200, bad_request: 100, ..LineOdds::default() },
        ..Script::calm()
    };
    let desk = Desk::new(script, Limits { requests: 7, ..Limits::OPENAI });
    let batch = desk.batch(&lines(60, "m")).await;
    let (mut found, mut after, mut early) = (Vec::new(), Cursor::default(), 0);
    loop {
        let page = results(&desk.ports, &TenantId::from("one"), batch.id, after, 4).await.unwrap().unwrap();
        assert!(page.lines.len() <= 4 && (page.has_more || page.lines.len() < 4 || page.next > after));
        after = page.next;
        found.extend(page.lines.iter().map(|line| serde_json::from_slice::<Value>(line).unwrap()));
        if page.batch.state.kind().is_final() && !page.has_more {
            break;
        }
        if !page.has_more {
            early = found.len();
            desk.tick().await;
        }
    }
    assert!(early > 0, "some came while it ran");
    let ended = desk.run(batch.id).await;
    let files = ended.state.results().unwrap();
    let mut want = [desk.lines(files.output), desk.lines(files.errors)].concat();
    let name = |line: &Value| line["custom_id"].as_str().unwrap().to_owned();
    want.sort_by_key(name);
    found.sort_by_key(name);
    assert_eq!(found, want, "the same lines as in its files");
    assert_eq!(found.len(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_retry_has_the_lines_that_failed_and_no_other() {
    let script = Script { lines: LineOdds { bad_request: 400, ..LineOdds::default() }, ..Script::calm() };
    let desk = Desk::new(script.clone(), Limits { requests: 7, ..Limits::OPENAI });
    let text: String = (0..40).map(|n| line(&n.to_string(), ["m", "old"][n % 2])).collect();
    let batch = desk.batch(&text).await;
    let first = desk.run(batch.id).await;
    let (answered, failed) = desk.ids(&first);
    assert!(failed.len() > 5 && answered.len() > 5);
    desk.provider.follow(Script { lines: LineOdds::default(), ..script });
    let key = Some("again".to_owned());
    let again = retry(&desk.ports, &first, DAY_MS, key.clone()).await.unwrap().unwrap();
    assert_eq!(retry(&desk.ports, &first, DAY_MS, key).await.unwrap().unwrap().id, again.id);
    let second = desk.run(again.id).await;
    assert_eq!(desk.ids(&second), (failed.clone(), BTreeSet::new()));
    assert_eq!(&answered | &failed, names(40));
    let models: BTreeSet<&str> = second.parts.iter().map(|part| part.model.as_str()).collect();
    assert_eq!(models, BTreeSet::from(["m", "old"]), "models have their callers' names");
    assert_eq!(retry(&desk.ports, &second, DAY_MS, None).await.unwrap(), None, "nothing failed");
}

#[tokio::test(start_paused = true)]
async fn what_runs_has_nothing_to_retry() {
    let desk = Desk::calm();
    let batch = desk.batch(&lines(2, "m")).await;
    assert_eq!(retry(&desk.ports, &batch, DAY_MS, None).await.unwrap(), None);
    assert_eq!(desk.run(batch.id).await.state.kind(), StateKind::Completed);
}
