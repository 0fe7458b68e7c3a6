//! What a batch's input may say, and what is said of what it may not.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use offpeak_core::batch::input::{Checker, Counted, MAX_LINE_BYTES, Request, Splitter};
use offpeak_core::batch::{InputError, InputRule, MAX_ERRORS};
use offpeak_core::endpoint::Endpoint;
use offpeak_core::submission::Limits;

/// A pass over the input, in pieces of `piece` bytes.
fn pass(
    input: &[u8],
    rule: InputRule,
    limits: Limits,
    piece: usize,
) -> (Vec<Request>, Result<Counted, Vec<InputError>>) {
    let mut checker = Checker::new(Endpoint::ChatCompletions, rule, limits);
    let mut splitter = Splitter::default();
    let mut requests = Vec::new();
    for piece in input.chunks(piece) {
        splitter.push(Bytes::copy_from_slice(piece));
        while let Some(line) = splitter.take() {
            requests.extend(checker.check(&line));
        }
    }
    splitter.end();
    while let Some(line) = splitter.take() {
        requests.extend(checker.check(&line));
    }
    (requests, checker.finish())
}

fn errors(input: &[u8], rule: InputRule) -> Vec<InputError> {
    pass(input, rule, Limits::OPENAI, 1 << 16).1.unwrap_err()
}

/// `line code param` of each error.
fn told(errors: &[InputError]) -> Vec<String> {
    let tell = |error: &InputError| {
        let line = error.line.map_or_else(|| "-".to_owned(), |line| line.to_string());
        format!("{line} {} {}", error.code, error.param.as_deref().unwrap_or("-"))
    };
    errors.iter().map(tell).collect()
}

fn line(custom_id: &str, model: &str) -> String {
    format!(
        r#"{{"custom_id":"{custom_id}","method":"POST","url":"/v1/chat/completions","body":{{"model":"{model}","messages":[]}}}}"#
    )
}

/// The input has this one error.
fn expect(text: &str, want: &str, message: &str) {
    let errors = errors(text.as_bytes(), InputRule::Split);
    assert_eq!(told(&errors), [want]);
    assert_eq!(errors[0].message, message);
}

#[test]
fn each_fault_of_a_line_has_openais_code_and_words() {
    for (text, want, message) in [
        ("not json", "1 invalid_json_line -", "This line is not parseable as valid JSON."),
        ("[]", "1 invalid_json_line -", "This line is not parseable as valid JSON."),
        (&line("a", "m")[1..], "1 invalid_json_line -", "This line is not parseable as valid JSON."),
        (r#"{"method":"POST"}"#, "1 missing_required_parameter custom_id", "Missing required parameter: 'custom_id'."),
        (r#"{"custom_id":""}"#, "1 missing_required_parameter custom_id", "Missing required parameter: 'custom_id'."),
        (r#"{"custom_id":null}"#, "1 missing_required_parameter custom_id", "Missing required parameter: 'custom_id'."),
        (
            r#"{"custom_id":[1]}"#,
            "1 invalid_type custom_id",
            "Invalid type for 'custom_id': expected a string, but got an array instead.",
        ),
        (r#"{"custom_id":"a"}"#, "1 missing_required_parameter method", "Missing required parameter: 'method'."),
        (
            r#"{"custom_id":"a","method":"GET"}"#,
            "1 invalid_value method",
            "Invalid value for 'method'. Supported values are: 'POST'.",
        ),
        (
            r#"{"custom_id":"a","method":"POST"}"#,
            "1 missing_required_parameter url",
            "Missing required parameter: 'url'.",
        ),
        (
            r#"{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{}}"#,
            "1 invalid_url url",
            "The URL provided for this request does not match the batch endpoint.",
        ),
    ] {
        expect(text, want, message);
    }
}

#[test]
fn each_fault_of_a_body_has_openais_code_and_words() {
    for (text, want, message) in [
        (
            r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions"}"#,
            "1 missing_required_parameter body",
            "Missing required parameter: 'body'.",
        ),
        (
            r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":"x"}"#,
            "1 invalid_type body",
            "Invalid type for 'body': expected an object, but got a string instead.",
        ),
        (
            r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"messages":[]}}"#,
            "1 invalid_request body.model",
            "Model parameter is required.",
        ),
        (
            r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}"#,
            "1 invalid_request body.messages",
            "Messages parameter is required.",
        ),
        (
            r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[],"stream":true}}"#,
            "1 streaming_unsupported body.stream",
            "Chat Completions: Streaming is not supported in the Batch API.",
        ),
        (r#"{"custom_id":"a","custom_id":"b"}"#, "1 invalid_request custom_id", "The field 'custom_id' stands twice."),
        (
            r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[],"n":0}}"#,
            "1 invalid_request body.n",
            "Invalid value for 'n': expected an integer from 1 to 128.",
        ),
    ] {
        expect(text, want, message);
    }
}

#[test]
fn what_is_no_request_at_all_is_told_too() {
    let long = format!(r#"{{"custom_id":"{}"}}"#, "x".repeat(MAX_LINE_BYTES));
    for (text, want, message) in [
        (long.as_str(), "1 line_too_long -", "This line is longer than 16777216 bytes."),
        ("", "- empty_file -", "The input file has no requests."),
        ("\n \r\n", "- empty_file -", "The input file has no requests."),
        ("x", "1 invalid_json_line -", "This line is not parseable as valid JSON."),
    ] {
        expect(text, want, message);
    }
}

#[test]
fn bytes_that_are_no_text_are_no_json() {
    let mut text = line("a", "m").into_bytes();
    text.extend_from_slice(b"\n{\"custom_id\":\"\xff\"}\n");
    assert_eq!(told(&errors(&text, InputRule::Split)), ["2 invalid_json_line -"]);
}

#[test]
fn every_fault_is_told_in_the_order_of_lines() {
    let text =
        [&line("a", "m"), "nonsense", &line("b", "m"), "{}", "", &line("a", "m"), &line("c", "m"), &line("b", "m")];
    let want = [
        "2 invalid_json_line -",
        "4 missing_required_parameter custom_id",
        "6 duplicate_custom_id custom_id",
        "8 duplicate_custom_id custom_id",
    ];
    let errors = errors(text.join("\r\n").as_bytes(), InputRule::Split);
    assert_eq!(told(&errors), want);
    assert_eq!(errors[2].message, "Line 1 has the same custom_id.");
    let escaped = line("a", "m") + "\n" + &line(r"\u0061", "m");
    assert_eq!(told(&self::errors(escaped.as_bytes(), InputRule::Split)), ["2 duplicate_custom_id custom_id"]);
}

#[test]
fn errors_are_bounded_and_the_first_are_kept() {
    let text = "nonsense\n".repeat(10 * MAX_ERRORS);
    let errors = errors(text.as_bytes(), InputRule::Split);
    assert_eq!(errors.len(), MAX_ERRORS);
    assert_eq!(errors.last().and_then(|error| error.line), Some(MAX_ERRORS as u64));
}

/// Everything that is wrong, as who takes the errors is told it, and what was counted.
fn taken(input: &[u8], rule: InputRule, limits: Limits) -> (Vec<InputError>, Counted) {
    let mut checker = Checker::new(Endpoint::ChatCompletions, rule, limits);
    let mut splitter = Splitter::default();
    let mut errors = Vec::new();
    splitter.push(Bytes::copy_from_slice(input));
    splitter.end();
    while let Some(line) = splitter.take() {
        checker.check(&line);
        errors.extend(checker.take_errors());
    }
    let counted = checker.finish_telling(|error| {
        errors.push(error);
        Ok::<_, std::convert::Infallible>(())
    });
    (errors, counted.unwrap())
}

#[test]
fn who_takes_the_errors_is_told_the_same_and_all_of_it() {
    let sound = line("a", "m");
    let two = Limits { requests: 2, ..Limits::OPENAI };
    for (text, rule, limits) in [
        (String::new(), InputRule::Split, Limits::OPENAI),
        ("nonsense".to_owned(), InputRule::Split, Limits::OPENAI),
        (format!("{sound}\n[]\n{sound}\n\n{{}}"), InputRule::Split, Limits::OPENAI),
        (format!("{sound}\n{}\n", line("b", "n")), InputRule::Strict, Limits::OPENAI),
        (format!("{sound}\n[]\n{sound}\n{}\n[]", line("b", "m")), InputRule::Strict, two),
    ] {
        let mut want = pass(text.as_bytes(), rule, limits, 1 << 16).1.unwrap_err();
        let mut told = taken(text.as_bytes(), rule, limits).0;
        want.sort_by_key(|error| error.line);
        told.sort_by_key(|error| error.line);
        assert_eq!(told, want, "{text}");
    }
    let many = format!("nonsense\n{sound}\n").repeat(10 * MAX_ERRORS);
    let (errors, counted) = taken(many.as_bytes(), InputRule::Split, Limits::OPENAI);
    assert_eq!(errors.len(), 20 * MAX_ERRORS - 1);
    assert_eq!(counted.size.requests, 10 * MAX_ERRORS as u64);
    let (errors, counted) = taken(sound.as_bytes(), InputRule::Split, Limits::OPENAI);
    assert_eq!((errors, counted), (vec![], pass(sound.as_bytes(), InputRule::Split, Limits::OPENAI, 9).1.unwrap()));
}

#[test]
fn how_lines_end_and_where_pieces_do_makes_no_difference() {
    let lines: Vec<String> = (0..40).map(|n| line(&n.to_string(), "m")).collect();
    let plain = lines.join("\n");
    let forms = [plain.clone(), plain.clone() + "\n", lines.join("\r\n") + "\r\n", format!("\u{feff}{plain}\n\n")];
    for form in forms {
        for piece in [1, 7, 4_096] {
            let (requests, counted) = pass(form.as_bytes(), InputRule::Strict, Limits::OPENAI, piece);
            assert_eq!(counted.unwrap().size.requests, 40);
            let ids: Vec<_> = requests.iter().map(|request| request.custom_id.clone()).collect();
            let want: Vec<_> = (0..40).map(|n| Bytes::from(format!("\"{n}\""))).collect();
            assert_eq!(ids, want);
        }
    }
}

#[test]
fn only_a_strict_batch_minds_mixed_models_and_limits() {
    let mixed = line("a", "m") + "\n" + &line("b", "n") + "\n" + &line("c", "m");
    assert_eq!(told(&errors(mixed.as_bytes(), InputRule::Strict)), ["2 mismatched_model body.model"]);
    let counted = pass(mixed.as_bytes(), InputRule::Split, Limits::OPENAI, 99).1.unwrap();
    assert_eq!(counted.models.into_iter().collect::<Vec<_>>(), [("m".to_owned(), 2), ("n".to_owned(), 1)]);
    let text = (0..4).fold(String::new(), |mut text, n| {
        writeln!(text, "{}", line(&n.to_string(), "m")).unwrap();
        text
    });
    let lines = Limits { requests: 3, ..Limits::OPENAI };
    let bytes = Limits { bytes: text.len() as u64 - 1, ..Limits::OPENAI };
    for (limits, want) in [(lines, "- too_many_tasks -"), (bytes, "- file_too_large -")] {
        assert_eq!(told(&pass(text.as_bytes(), InputRule::Strict, limits, 99).1.unwrap_err()), [want]);
        assert_eq!(pass(text.as_bytes(), InputRule::Split, limits, 99).1.unwrap().size.requests, 4);
    }
    let exact = Limits { requests: 4, bytes: text.len() as u64, ..Limits::OPENAI };
    assert!(pass(text.as_bytes(), InputRule::Strict, exact, 99).1.is_ok());
}

#[test]
fn a_line_goes_upstream_with_the_bytes_of_its_body() {
    let body = r#"{ "z":1e400,"model":"m","messages":[{"a":"\ud83d\ude00"}],"background":true }"#;
    let text = format!(r#"{{"body":{body},"url":"/v1/chat/completions","method":"POST","custom_id":"\u0061\"b"}}"#);
    let (requests, _) = pass(text.as_bytes(), InputRule::Split, Limits::OPENAI, 11);
    let mut out = BytesMut::new();
    let size = requests[0].write(&mut out, Endpoint::ChatCompletions, Some("n"));
    let want = concat!(
        r#"{"custom_id":"\u0061\"b","method":"POST","url":"/v1/chat/completions","body":"#,
        r#"{ "z":1e400,"model":"n","messages":[{"a":"\ud83d\ude00"}] }}"#,
        "\n"
    );
    assert_eq!(out, want);
    assert_eq!((size.requests, size.bytes), (1, want.len() as u64));
    assert_eq!(requests[0].id, offpeak_core::batch::line_id("a\"b"));
}
