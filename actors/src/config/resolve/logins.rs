//! What the file says about accounts that log in.

use std::collections::BTreeMap;

use super::{Resolving, patterns, proxy, text, top};
use crate::config::account::{ErrorRule, ModelAlias};
use crate::config::model::{KiroAccount, KiroEndpoint};
use crate::config::path::KeyPath;
use crate::config::rules;
use crate::config::schema::File;
use crate::domain::secret::Secret;

const DEFAULT_KIRO_REGION: &str = "us-east-1";

impl Resolving<'_> {
    /// Hidden models, by channel.
    pub(super) fn exclusions(&mut self, file: &File) -> BTreeMap<String, Vec<String>> {
        let given = file.oauth_excluded_models.iter().flat_map(|pairs| &pairs.0);
        given
            .map(|(channel, list)| (channel.trim().to_lowercase(), patterns(list)))
            .collect()
    }

    /// Other names for models, by channel; the old section when the new one is absent.
    pub(super) fn aliases(&mut self, file: &File) -> BTreeMap<String, Vec<ModelAlias>> {
        let at = match (&file.oauth_model_alias, &file.oauth_model_mappings) {
            (new, Some(_)) => {
                self.old_name("oauth-model-mappings", "oauth-model-alias", new.is_some());
                if new.is_some() {
                    "oauth-model-alias"
                } else {
                    "oauth-model-mappings"
                }
            }
            (_, None) => "oauth-model-alias",
        };
        let given = file
            .oauth_model_alias
            .as_ref()
            .or(file.oauth_model_mappings.as_ref());
        let mut out = BTreeMap::new();
        for (channel, list) in given.iter().flat_map(|pairs| &pairs.0) {
            let at = top(at).key(channel);
            out.insert(
                channel.trim().to_lowercase(),
                rules::aliases(list, &at, self.reader),
            );
        }
        out
    }

    /// How odd errors are read, by channel.
    pub(super) fn error_rules(&mut self, file: &File) -> BTreeMap<String, Vec<ErrorRule>> {
        let mut out = BTreeMap::new();
        for (channel, list) in file
            .oauth_request_scoped_errors
            .iter()
            .flat_map(|pairs| &pairs.0)
        {
            out.insert(
                channel.trim().to_lowercase(),
                rules::error_rules(list, self.reader),
            );
        }
        out
    }

    /// The endpoint a word names.
    pub(super) fn kiro_endpoint(
        &mut self,
        value: Option<&str>,
        at: &KeyPath,
    ) -> Option<KiroEndpoint> {
        let word = text(value)?;
        match word.to_ascii_lowercase().as_str() {
            "ide" | "codewhisperer" => Some(KiroEndpoint::Ide),
            "cli" | "amazonq" => Some(KiroEndpoint::Cli),
            _ => {
                let why = format!("found the text `{word}`, expected `ide` or `cli`");
                self.reader.problem(at, why);
                None
            }
        }
    }

    /// Accounts of the `kiro` section.
    pub(super) fn kiro(&mut self, file: &File) -> Vec<KiroAccount> {
        let mut out = Vec::new();
        for entry in file.kiro.iter().flatten() {
            let endpoint = entry.preferred_endpoint.as_deref();
            let account = KiroAccount {
                token_file: text(entry.token_file.as_deref()).map(|file| self.path(&file)),
                access_token: text(entry.access_token.as_deref()).map(Secret::from),
                refresh_token: text(entry.refresh_token.as_deref()).map(Secret::from),
                profile_arn: text(entry.profile_arn.as_deref()),
                region: text(entry.region.as_deref())
                    .unwrap_or_else(|| DEFAULT_KIRO_REGION.to_owned()),
                proxy: proxy(
                    entry.proxy_url.as_deref(),
                    &entry.at.key("proxy-url"),
                    self.reader,
                ),
                agent_task_type: text(entry.agent_task_type.as_deref()),
                preferred_endpoint: self
                    .kiro_endpoint(endpoint, &entry.at.key("preferred-endpoint")),
            };
            if account.token_file.is_none() && account.refresh_token.is_none() {
                self.reader.warn(
                    &entry.at,
                    "has neither `token-file` nor `refresh-token`, ignored",
                );
                continue;
            }
            out.push(account);
        }
        out
    }
}
