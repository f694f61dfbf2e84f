//! Writing a new account down: which file, what of an old one stays.

use super::step::{LoginError, NewLogin};
use crate::domain::id::CredentialId;
use crate::renewal::Surroundings;
use crate::store::{StoreError, Stored};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Fields that only the first login fills in: from then on they are the owner's (`vertex.md` §1).
const OWNERS: &[&str] = &["location"];

/// Writers that may get in between.
const SAVE_ATTEMPTS: u32 = 4;

/// An account that has a file now.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// Its name.
    pub id: CredentialId,
    /// Where it lies, for people.
    pub place: String,
    /// Name for people.
    pub label: String,
    /// Provider word.
    pub provider: Arc<str>,
    /// Plan or tier.
    pub plan: Option<String>,
    /// An existing file of the same account was updated.
    pub renewed: bool,
    /// Its owner switched it off earlier, and it stays so.
    pub disabled: bool,
}

/// A file name of parts: `file_name(&["claude", "a@b.c"])` is `claude-a@b.c.json`. Empty parts are
/// left out; what cannot stand in a file name becomes `_` or `-` (`vertex.md` §2.1).
pub fn file_name(parts: &[&str]) -> String {
    let clean = |part: &&str| -> String {
        part.trim()
            .chars()
            .map(|c| match c {
                '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
                c if c.is_control() => '_',
                c if c.is_whitespace() => '-',
                c => c,
            })
            .collect()
    };
    let parts: Vec<String> = parts
        .iter()
        .map(clean)
        .filter(|part| !part.is_empty())
        .collect();
    // Names with a dot in front are hidden and no credentials.
    format!("{}.json", parts.join("-").trim_start_matches('.'))
}

/// Writes the account into its file, or into a new one.
pub(super) async fn save(around: &Surroundings, new: NewLogin) -> Result<Adopted, LoginError> {
    let failed = |error: &StoreError| {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
        LoginError::Save {
            message: format!("{error}{}", cause.unwrap_or_default()),
        }
    };
    let mut attempts = SAVE_ATTEMPTS;
    loop {
        attempts -= 1;
        let loaded = around
            .store
            .load_all()
            .await
            .map_err(|error| failed(&error))?;
        let unreadable = loaded.rejected.iter().map(|(id, _)| id.as_str());
        let (id, before) = place(&loaded.found, unreadable.collect(), &new);
        let document = match before {
            Some(before) => renewed(&before.document, &new.document),
            None => new.document.clone(),
        };
        let expected = before.map(|before| before.version.clone());
        let renewed = expected.is_some();
        match around.store.save(&id, document.clone(), expected).await {
            Ok(version) => {
                let stored = Stored {
                    id: id.clone(),
                    document,
                    version,
                };
                let opened = around.open(stored).map_err(|error| LoginError::Internal {
                    message: format!("the new document is no credential: {error}"),
                })?;
                return Ok(Adopted {
                    place: around.store.place(&id),
                    id,
                    label: opened.record.label.clone(),
                    provider: Arc::clone(&opened.record.provider),
                    plan: new.plan,
                    renewed,
                    disabled: opened.record.settings.disabled,
                });
            }
            Err(StoreError::Conflict { .. }) if attempts > 0 => {}
            Err(error) => return Err(failed(&error)),
        }
    }
}

/// Where the account goes: the file it has, else the first free name. Pure.
fn place<'a>(
    found: &'a [Stored],
    unreadable: BTreeSet<&str>,
    new: &NewLogin,
) -> (CredentialId, Option<&'a Stored>) {
    let wanted = |stored: &&Stored| new.names.iter().any(|name| name == stored.id.as_str());
    let mut own = found.iter().filter(|stored| is_same(&stored.document, new));
    let first = own.clone().next();
    // Of several files of one account the one with a wanted name counts.
    if let Some(stored) = own.find(wanted).or(first) {
        return (stored.id.clone(), Some(stored));
    }
    let taken = |name: &str| {
        // Folders may not tell upper from lower case.
        unreadable
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
            || found
                .iter()
                .any(|known| known.id.as_str().eq_ignore_ascii_case(name))
    };
    if let Some(name) = new.names.iter().find(|name| !taken(name)) {
        return (CredentialId::from(name.as_str()), None);
    }
    let last = new.names.last().map_or("account", String::as_str);
    let stem = last.strip_suffix(".json").unwrap_or(last);
    let numbered = (2_u32..).map(|n| format!("{stem}-{n}.json"));
    let free = numbered.into_iter().find(|name| !taken(name));
    (CredentialId::from(free.unwrap_or_default()), None)
}

/// Whether `document` holds the account of `new`. Pure.
fn is_same(document: &Map<String, Value>, new: &NewLogin) -> bool {
    let text = |of: &Map<String, Value>, key: &str| {
        let text = of.get(key)?.as_str()?.trim().to_lowercase();
        (!text.is_empty()).then_some(text)
    };
    if text(document, "type") != text(&new.document, "type") {
        return false;
    }
    let Some((first, others)) = new.identity.split_first() else {
        return false;
    };
    let same_first = text(document, first)
        .is_some_and(|there| text(&new.document, first).is_some_and(|new| new == there));
    let differs = |key: &&str| match (text(document, key), text(&new.document, key)) {
        (Some(there), Some(new)) => there != new && !(there.contains(',') && new.contains(',')),
        _ => false,
    };
    same_first && !others.iter().any(differs)
}

/// The document of an account that logged in again: everything new, and what else stood there.
fn renewed(before: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut document = before.clone();
    for (key, value) in new {
        if OWNERS.contains(&key.as_str()) && before.contains_key(key) {
            continue;
        }
        document.insert(key.clone(), value.clone());
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Version;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    fn stored(name: &str, document: Value) -> Stored {
        Stored {
            id: name.into(),
            document: map(document),
            version: Version::new("1"),
        }
    }

    fn new(document: Value) -> NewLogin {
        NewLogin {
            names: vec!["x-a.json".to_owned(), "x-a-o1.json".to_owned()],
            document: map(document),
            identity: &["email", "org"],
            plan: None,
        }
    }

    #[test]
    fn an_account_goes_where_it_is_and_nowhere_else() {
        let mine = json!({"type": "x", "email": "A@b ", "org": "o1"});
        let elsewhere = json!({"type": "x", "email": "a@b", "org": "o2"});
        let old = json!({"type": "x", "email": "a@b"});
        let of_another_type = json!({"type": "y", "email": "a@b", "org": "o1"});
        let nameless = json!({"type": "x", "org": "o1"});
        for (found, unreadable, want, renews) in [
            (vec![], vec![], "x-a.json", false),
            (vec![("x-a.json", &mine)], vec![], "x-a.json", true),
            (
                vec![("own-name.json", &mine)],
                vec![],
                "own-name.json",
                true,
            ),
            // A file of an older program, which knew no organizations.
            (vec![("x-a.json", &old)], vec![], "x-a.json", true),
            // Of several files the one with our name.
            (
                vec![("b.json", &mine), ("x-a-o1.json", &mine)],
                vec![],
                "x-a-o1.json",
                true,
            ),
            (vec![("x-a.json", &elsewhere)], vec![], "x-a-o1.json", false),
            (
                vec![("x-a.json", &of_another_type)],
                vec![],
                "x-a-o1.json",
                false,
            ),
            (vec![("X-A.json", &nameless)], vec![], "x-a-o1.json", false),
            (
                vec![("x-a.json", &elsewhere)],
                vec!["x-a-o1.json"],
                "x-a-o1-2.json",
                false,
            ),
            (
                vec![("x-a.json", &elsewhere), ("x-a-o1-2.json", &elsewhere)],
                vec!["x-a-o1.json"],
                "x-a-o1-3.json",
                false,
            ),
        ] {
            let found: Vec<_> = found
                .into_iter()
                .map(|(name, document)| stored(name, document.clone()))
                .collect();
            let new = new(json!({"type": "x", "email": "a@b", "org": "o1"}));
            let (id, before) = place(&found, unreadable.into_iter().collect(), &new);
            assert_eq!((id.as_str(), before.is_some()), (want, renews));
        }
    }

    #[test]
    fn another_choice_of_the_same_account_goes_into_its_file() {
        let file = |list: &str| json!({"type": "x", "email": "a@b", "org": list});
        for (there, wanted, renews) in [
            ("a,b", "a,b,c", true),
            ("a,b", "c,d", true),
            ("a", "a,b", false),
            ("a,b", "a", false),
        ] {
            let found = [stored("x-a.json", file(there))];
            let (id, before) = place(&found, BTreeSet::new(), &new(file(wanted)));
            assert_eq!(before.is_some(), renews, "{there} {wanted}");
            assert_eq!(id.as_str() == "x-a.json", renews);
        }
    }

    #[test]
    fn a_login_without_identity_never_takes_a_file() {
        let found = [stored("x-a.json", json!({"type": "x"}))];
        let new = new(json!({"type": "x"}));
        assert!(place(&found, BTreeSet::new(), &new).1.is_none());
    }

    #[test]
    fn names_are_legal_everywhere() {
        for (parts, want) in [
            (&["x", "a@b.c"][..], "x-a@b.c.json"),
            (&["x", "", "p"], "x-p.json"),
            (&["x", "../a\\b:c d"], "x-.._a_b_c-d.json"),
            (&["", ".hidden"], "hidden.json"),
        ] {
            assert_eq!(file_name(parts), want);
        }
    }
}
