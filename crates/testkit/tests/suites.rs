//! Every promise that is written is also run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_case_is_named_in_its_macro() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance");
    let (mut written, mut named, mut files) = (BTreeSet::new(), BTreeSet::new(), 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        files += 1;
        let cases = text
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn "))
            .filter_map(|rest| rest.split('(').next());
        written.extend(cases.map(|case| (module.clone(), case.to_owned())));
        for list in text.split("conformance_cases!(\n").skip(1) {
            let (module, rest) = list.trim_start().split_once('(').unwrap();
            let list = rest.split('[').nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
            named.extend(
                list.split(',')
                    .map(str::trim)
                    .filter(|case| !case.is_empty())
                    .map(|case| (module.to_owned(), case.to_owned())),
            );
        }
    }
    assert!(files > 12 && written.len() > 100, "{files} files, {} cases", written.len());
    assert_eq!(written, named);
}
