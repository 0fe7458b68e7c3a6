//! A line of a provider's results is read or left, and an answer is found where it lies, to the byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use offpeak_core::ids::JobId;
use offpeak_core::submission::line::{LineOutcome, read};
use serde_json::value::RawValue;

fuzz_target!(|data: &[u8]| {
    if let Some(line) = read(data)
        && let LineOutcome::Answered { offset, length, .. } = line.outcome
    {
        assert!(serde_json::from_slice::<&RawValue>(&data[offset..offset + length]).is_ok());
    }
    // The same bytes as the body of a line that is well formed.
    let Ok(body) = serde_json::from_slice::<&RawValue>(data).map(RawValue::get) else { return };
    let job = JobId([7; 16]);
    let line = format!(r#"{{"custom_id":"{job}","response":{{"status_code":200,"body":{body}}},"error":null}}"#);
    match read(line.as_bytes()) {
        None => assert_eq!(body, "null"),
        Some(read) => {
            assert_eq!(read.job, job);
            let LineOutcome::Answered { status: 200, offset, length, .. } = read.outcome else { panic!("{read:?}") };
            assert_eq!(&line[offset..offset + length], body);
        }
    }
});
