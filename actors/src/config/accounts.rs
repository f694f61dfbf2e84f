//! The key lists of the file → [`KeyAccount`]s.

use std::collections::BTreeSet;

use super::account::{HeaderValue, KeyAccount, KeyKind, ModelEntry, Proxy};
use super::error::Level;
use super::path::KeyPath;
use super::reader::{At, Pairs, Reader};
use super::resolve::{is_http_url, patterns, proxy, text};
use super::rules;
use super::schema::{Compatible, File, KeyEntry, Model};
use crate::digest;
use crate::domain::secret::Secret;

const MAX_WEIGHT: i64 = 1_000_000;

/// Reads all key lists, in the order of [`KeyKind::ALL`].
pub(super) fn resolve(file: &File, reader: &mut Reader) -> Vec<KeyAccount> {
    let mut list = Accounts {
        out: Vec::new(),
        ids: BTreeSet::new(),
        reader,
    };
    let legacy = list.legacy_gemini(file);
    let gemini = file.gemini_api_key.as_ref().unwrap_or(&legacy);
    list.plain(KeyKind::Gemini, gemini);
    list.plain(
        KeyKind::Claude,
        file.claude_api_key.as_deref().unwrap_or_default(),
    );
    list.plain(
        KeyKind::Codex,
        file.codex_api_key.as_deref().unwrap_or_default(),
    );
    list.plain(
        KeyKind::Vertex,
        file.vertex_api_key.as_deref().unwrap_or_default(),
    );
    for provider in file.openai_compatibility.iter().flatten() {
        list.compatible(provider);
    }
    list.out
}

struct Accounts<'a> {
    out: Vec<KeyAccount>,
    ids: BTreeSet<String>,
    reader: &'a mut Reader,
}

impl Accounts<'_> {
    fn legacy_gemini(&mut self, file: &File) -> Vec<At<KeyEntry>> {
        let Some(keys) = &file.generative_language_api_key else {
            return Vec::new();
        };
        let at = KeyPath::of(&["generative-language-api-key"]);
        if file.gemini_api_key.is_some() {
            self.reader.warn(
                &at,
                "old name of `gemini-api-key`, which is set too; ignored",
            );
            return Vec::new();
        }
        let remark = "old name of `gemini-api-key`; still read, rename it when convenient";
        self.reader.notice(Level::Info, &at, remark);
        let entry = |(n, key): (usize, &String)| At {
            at: at.index(n),
            value: KeyEntry {
                api_key: Some(key.clone()),
                ..KeyEntry::default()
            },
        };
        keys.iter().enumerate().map(entry).collect()
    }

    fn plain(&mut self, kind: KeyKind, entries: &[At<KeyEntry>]) {
        for entry in entries {
            let key = text(entry.api_key.as_deref());
            // Servers of one's own may want none (`claude.md` §2.2).
            let keyless = kind == KeyKind::Claude && text(entry.base_url.as_deref()).is_some();
            if key.is_none() && !keyless {
                self.reader.warn(&entry.at, "has no `api-key`, ignored");
                continue;
            }
            let Some(base_url) = self.base_url(kind, entry.base_url.as_deref(), &entry.at) else {
                continue;
            };
            let account = KeyAccount {
                id: String::new(),
                kind,
                provider: kind.as_str().to_owned(),
                api_key: key.map(Secret::from),
                base_url,
                proxy: proxy(
                    entry.proxy_url.as_deref(),
                    &entry.at.key("proxy-url"),
                    self.reader,
                ),
                headers: self.headers(entry.headers.as_ref(), &entry.at.key("headers")),
                priority: self.priority(entry.priority, &entry.at),
                weight: self.weight(entry.weight, &entry.at),
                prefix: self.prefix(entry.prefix.as_deref(), &entry.at),
                models: self.models(entry.models.as_deref()),
                excluded_models: patterns(entry.excluded_models.as_deref().unwrap_or_default()),
                disabled: entry.disabled.unwrap_or(false),
                disable_cooling: entry.disable_cooling,
                request_retry: entry.request_retry.and_then(|n| u32::try_from(n).ok()),
                request_scoped_errors: rules::error_rules(
                    entry.request_scoped_errors.as_deref().unwrap_or_default(),
                    self.reader,
                ),
                websockets: entry.websockets.unwrap_or(false),
                support_prompt_cache_key: false,
                alpha_search: entry.alpha_search.unwrap_or(false),
                at: entry.at.clone(),
            };
            self.push(account);
        }
    }

    fn compatible(&mut self, entry: &At<Compatible>) {
        let kind = KeyKind::OpenAiCompatibility;
        let Some(base_url) = self.base_url(kind, entry.base_url.as_deref(), &entry.at) else {
            return;
        };
        let provider = text(entry.name.as_deref()).unwrap_or_else(|| {
            self.reader
                .warn(&entry.at, format!("has no `name`; shown as `{kind}`"));
            kind.as_str().to_owned()
        });
        let template = KeyAccount {
            id: String::new(),
            kind,
            provider,
            api_key: None,
            base_url,
            proxy: Proxy::Inherit,
            headers: self.headers(entry.headers.as_ref(), &entry.at.key("headers")),
            priority: self.priority(entry.priority, &entry.at),
            weight: self.weight(entry.weight, &entry.at),
            prefix: self.prefix(entry.prefix.as_deref(), &entry.at),
            models: self.models(entry.models.as_deref()),
            excluded_models: patterns(entry.excluded_models.as_deref().unwrap_or_default()),
            disabled: entry.disabled.unwrap_or(false),
            disable_cooling: entry.disable_cooling,
            request_retry: entry.request_retry.and_then(|n| u32::try_from(n).ok()),
            request_scoped_errors: rules::error_rules(
                entry.request_scoped_errors.as_deref().unwrap_or_default(),
                self.reader,
            ),
            websockets: false,
            support_prompt_cache_key: entry.support_prompt_cache_key.unwrap_or(false),
            alpha_search: false,
            at: entry.at.clone(),
        };
        let keys = self.compatible_keys(entry, &template);
        if keys.is_empty() {
            // An upstream on the own machine often wants no key at all.
            return self.push(template);
        }
        for account in keys {
            self.push(account);
        }
    }

    fn compatible_keys(
        &mut self,
        entry: &At<Compatible>,
        template: &KeyAccount,
    ) -> Vec<KeyAccount> {
        let mut out = Vec::new();
        for key in entry.api_key_entries.iter().flatten() {
            let Some(api_key) = text(key.api_key.as_deref()) else {
                self.reader.warn(&key.at, "has no `api-key`, ignored");
                continue;
            };
            let mut account = template.clone();
            account.api_key = Some(Secret::from(api_key));
            account.proxy = proxy(
                key.proxy_url.as_deref(),
                &key.at.key("proxy-url"),
                self.reader,
            );
            if key.weight.is_some() {
                account.weight = self.weight(key.weight, &key.at);
            }
            account.at = key.at.clone();
            out.push(account);
        }
        let Some(old) = &entry.api_keys else {
            return out;
        };
        let at = entry.at.key("api-keys");
        if entry.api_key_entries.is_some() {
            self.reader.warn(
                &at,
                "old name of `api-key-entries`, which is set too; ignored",
            );
            return out;
        }
        let remark = "old name of `api-key-entries`; still read, rename it when convenient";
        self.reader.notice(Level::Info, &at, remark);
        for (n, api_key) in old.iter().enumerate() {
            let Some(api_key) = text(Some(api_key)) else {
                self.reader.warn(&at.index(n), "blank key, ignored");
                continue;
            };
            let mut account = template.clone();
            account.api_key = Some(Secret::from(api_key));
            account.at = at.index(n);
            out.push(account);
        }
        out
    }

    /// Gives the account its id and keeps it, unless the same entry stands above.
    fn push(&mut self, mut account: KeyAccount) {
        let same = |other: &&KeyAccount| {
            (
                &other.api_key,
                &other.base_url,
                &other.prefix,
                &other.proxy,
                &other.headers,
            ) == (
                &account.api_key,
                &account.base_url,
                &account.prefix,
                &account.proxy,
                &account.headers,
            ) && other.kind == account.kind
        };
        if let Some(twin) = self.out.iter().find(same) {
            let text = format!("the same entry stands at `{}`, ignored", twin.at);
            return self.reader.warn(&account.at, text);
        }
        let stem = id(&account);
        let mut n = 0;
        account.id = stem.clone();
        while !self.ids.insert(account.id.clone()) {
            n += 1;
            account.id = format!("{stem}-{n}");
        }
        self.out.push(account);
    }

    fn base_url(&mut self, kind: KeyKind, value: Option<&str>, entry: &KeyPath) -> Option<String> {
        let Some(url) = text(value) else {
            if kind.default_base_url().is_none() {
                self.reader.warn(entry, "has no `base-url`, ignored");
            }
            return kind.default_base_url().map(str::to_owned);
        };
        if !is_http_url(&url) {
            let right = "a URL that begins with `https://` or `http://`";
            self.reader.problem(
                &entry.key("base-url"),
                format!("found the text `{url}`, expected {right}"),
            );
        }
        Some(url.trim_end_matches('/').to_owned())
    }

    fn headers(
        &mut self,
        given: Option<&Pairs<String>>,
        at: &KeyPath,
    ) -> Vec<(String, HeaderValue)> {
        let mut out = Vec::new();
        for (name, value) in given.iter().flat_map(|pairs| &pairs.0) {
            let at = at.key(name);
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() || value.is_empty() {
                self.reader
                    .warn(&at, "header without name or value, ignored");
                continue;
            }
            if !is_header_name(name) || value.contains(['\r', '\n', '\0']) {
                let why = "found a header that cannot be sent, expected a name of letters, digits \
                           and hyphens and a value on one line";
                self.reader.problem(&at, why);
                continue;
            }
            let value = match value.strip_prefix('$').map(str::trim) {
                Some(source) if is_header_name(source) => {
                    HeaderValue::FromClient(source.to_owned())
                }
                _ => HeaderValue::Fixed(Secret::from(value)),
            };
            out.push((name.to_owned(), value));
        }
        out
    }

    fn priority(&mut self, value: Option<i64>, entry: &KeyPath) -> i32 {
        let value = value.unwrap_or(0);
        i32::try_from(value).unwrap_or_else(|_| {
            let why = format!("found the number `{value}`, expected one within ±2147483647");
            self.reader.problem(&entry.key("priority"), why);
            0
        })
    }

    fn weight(&mut self, value: Option<i64>, entry: &KeyPath) -> u32 {
        let value = value.unwrap_or(1);
        if value > MAX_WEIGHT {
            let why = format!("found the number `{value}`, expected at most {MAX_WEIGHT}");
            self.reader.problem(&entry.key("weight"), why);
        }
        u32::try_from(value.clamp(0, MAX_WEIGHT)).unwrap_or(1)
    }

    fn prefix(&mut self, value: Option<&str>, entry: &KeyPath) -> Option<String> {
        let prefix = text(value)?.trim_matches('/').trim().to_owned();
        if prefix.contains('/') {
            let remark = format!("`{prefix}` has a slash inside; no prefix is used");
            self.reader.warn(&entry.key("prefix"), remark);
            return None;
        }
        (!prefix.is_empty()).then_some(prefix)
    }

    fn context_length(&mut self, model: &At<Model>) -> Option<u64> {
        let length = model.max_context_length?;
        let found = u64::try_from(length).ok().filter(|length| *length > 0);
        if found.is_none() {
            let at = model.at.key("max-context-length");
            self.reader
                .warn(&at, format!("`{length}` is no length in tokens, ignored"));
        }
        found
    }

    fn models(&mut self, given: Option<&[At<Model>]>) -> Vec<ModelEntry> {
        let mut out = Vec::new();
        for model in given.unwrap_or_default() {
            let alias = text(model.alias.as_deref());
            let Some(name) = text(model.name.as_deref()) else {
                self.reader.warn(&model.at, "has no `name`, ignored");
                continue;
            };
            let words = |list: &Option<Vec<String>>| patterns(list.as_deref().unwrap_or_default());
            out.push(ModelEntry {
                alias: alias.filter(|alias| *alias != name),
                name,
                display_name: text(model.display_name.as_deref()),
                force_mapping: model.force_mapping.unwrap_or(false),
                max_context_length: self.context_length(model),
                thinking_levels: model
                    .thinking
                    .as_ref()
                    .map(|thinking| words(&thinking.levels)),
                is_compat: model.is_compat.unwrap_or(false),
                image: model.image.unwrap_or(false),
                input_modalities: words(&model.input_modalities),
                output_modalities: words(&model.output_modalities),
            });
        }
        out
    }
}

fn is_header_name(name: &str) -> bool {
    // RFC 9110 §5.6.2, token
    let other = "!#$%&'*+-.^_`|~";
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || other.contains(c))
}

/// The id without a counter.
fn id(account: &KeyAccount) -> String {
    let key = account.api_key.as_ref().map_or("", Secret::expose);
    let mut parts = vec![key, &account.base_url];
    if account.kind == KeyKind::OpenAiCompatibility {
        parts.push(&account.provider);
    }
    // A byte that stands in none of the parts keeps ("ab", "c") and ("a", "bc") apart.
    let hash: String = digest::hex(parts.join("\0").as_bytes())
        .chars()
        .take(12)
        .collect();
    format!("{}:{hash}", account.kind)
}
