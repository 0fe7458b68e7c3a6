//! What a path in the inbox means: whose input it is, and what its results are called.

use sha2::{Digest, Sha256};

use crate::hex;
use crate::ids::TenantId;

/// What an input's name ends with.
const EXTENSION: &str = ".jsonl";

/// The longest tenant and the longest name, bytes: with what is put behind it, every file system takes it.
const LONGEST: usize = 200;

/// Whose input it is, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whose.
    pub tenant: TenantId,
    /// Its file's name without the extension.
    pub name: String,
}

/// What a path in the inbox means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing, or nothing yet: it stays where it is. So does what is hidden, what has another extension (it may get
    /// its own when it has come whole), and what lies deeper than a tenant's folder.
    Nothing,
    /// An input.
    Input(Address),
    /// It would be an input, and cannot be one. Why, for people.
    Refused(&'static str),
}

impl Address {
    /// Where its results go, below the outbox.
    pub fn outbox(&self) -> String {
        format!("{}/{}", self.tenant, self.name)
    }
}

/// What a path in the inbox means: `TENANT/NAME.jsonl`, or `NAME.jsonl` of the `default` tenant, if there is one.
pub fn meaning(path: &str, default: Option<&TenantId>) -> Meaning {
    let hidden = path.split('/').any(|segment| segment.starts_with('.'));
    let Some(stem) = path.strip_suffix(EXTENSION).filter(|_| !hidden) else { return Meaning::Nothing };
    let (tenant, name) = match stem.split_once('/') {
        Some((_, name)) if name.contains('/') => return Meaning::Nothing,
        Some((tenant, name)) => (TenantId::from(tenant), name),
        None => match default {
            Some(default) => (default.clone(), stem),
            None => return Meaning::Refused("It lies in no tenant's folder: drop it as inbox/TENANT/NAME.jsonl."),
        },
    };
    if !is_folder(tenant.as_str()) || !is_folder(name) {
        return Meaning::Refused("Its name, or its tenant's, is empty, longer than 200 bytes, or not plain text.");
    }
    Meaning::Input(Address { tenant, name: name.to_owned() })
}

/// Whether it may name a folder, of a tenant or of results, everywhere.
pub fn is_folder(text: &str) -> bool {
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | '\u{2028}' | '\u{2029}');
    !text.starts_with('.') && (1..=LONGEST).contains(&text.len()) && text.trim() == text && !text.contains(odd)
}

/// Where something goes that was refused, below the outbox: beside the tenants' folders, and another path for each.
pub fn refusal_path(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let mut text = String::new();
    for byte in path.bytes().take(LONGEST / 4) {
        if plain(byte) { text.push(char::from(byte)) } else { text.push('_') }
    }
    format!("{text}-{}.refused", hex::encode(&Sha256::digest(path)[..4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Meaning {
        meaning(path, Some(&TenantId::from("default")))
    }

    fn input(tenant: &str, name: &str) -> Meaning {
        Meaning::Input(Address { tenant: TenantId::from(tenant), name: name.to_owned() })
    }

    #[test]
    fn a_path_names_a_tenant_and_an_input() {
        assert_eq!(of("team-a/night.jsonl"), input("team-a", "night"));
        assert_eq!(of("night.jsonl"), input("default", "night"));
        assert_eq!(of("Ärzte/Fragen 1.2 (neu)+ä.jsonl"), input("Ärzte", "Fragen 1.2 (neu)+ä"));
        assert_eq!(of("a/b.jsonl.jsonl"), input("a", "b.jsonl"));
        assert!(matches!(meaning("night.jsonl", None), Meaning::Refused(_)));
        assert_eq!(meaning("a/night.jsonl", None), input("a", "night"));
    }

    #[test]
    fn what_is_no_input_or_not_yet_stays() {
        for path in [
            "",
            "a",
            "a/",
            "a/b",
            "night.json",
            "a/night.jsonl.part",
            "night.tmp",
            ".night.jsonl",
            "a/.night.jsonl",
            ".a/night.jsonl",
            "../night.jsonl",
            "a/../night.jsonl",
            "a/...jsonl",
            "..jsonl",
            ".jsonl",
            "a/.jsonl",
            "a/b/night.jsonl",
        ] {
            assert_eq!(of(path), Meaning::Nothing, "{path}");
        }
    }

    #[test]
    fn a_name_that_no_folder_could_have_is_refused() {
        let long = format!("a/{}.jsonl", "n".repeat(201));
        for path in [&long, "/night.jsonl", "a/\n.jsonl", "a\0/b.jsonl", "a/b\\c.jsonl", " /b.jsonl", "a/ b.jsonl"] {
            assert!(matches!(of(path), Meaning::Refused(_)), "{path:?}");
        }
        assert_eq!(of(&long[..204]), Meaning::Nothing, "cut within its extension");
        assert_eq!(of(&format!("a/{}.jsonl", "n".repeat(200))), input("a", &"n".repeat(200)));
    }

    #[test]
    fn each_refusal_has_a_plain_path_of_its_own() {
        let paths = ["a/b.jsonl", "a_b.jsonl", "a\n.jsonl", &"ä".repeat(300)];
        let refused: std::collections::BTreeSet<String> = paths.iter().map(|path| refusal_path(path)).collect();
        assert_eq!(refused.len(), paths.len());
        assert!(refused.iter().all(|path| !path.contains('/') && path.is_ascii() && path.len() < 80), "{refused:?}");
    }
}
