//! Names of channels, which only the program's providers know.

use super::error::{Level, Notice};
use super::model::Config;
use super::near::nearest;
use super::path::KeyPath;

/// Remarks on channels that no provider answers to, in `oauth-model-alias`,
/// `oauth-excluded-models` and `oauth-request-scoped-errors`; `known` are the providers' ids.
pub fn unknown_channels(config: &Config, known: &[&str]) -> Vec<Notice> {
    let sections = [
        (
            "oauth-model-alias",
            config.oauth_model_alias.keys().collect::<Vec<_>>(),
        ),
        (
            "oauth-excluded-models",
            config.oauth_excluded_models.keys().collect(),
        ),
        (
            "oauth-request-scoped-errors",
            config.oauth_request_scoped_errors.keys().collect(),
        ),
    ];
    let mut out = Vec::new();
    for (section, channels) in sections {
        for channel in channels
            .into_iter()
            .filter(|channel| !known.contains(&channel.as_str()))
        {
            let hint = nearest(channel, known)
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            out.push(Notice {
                level: Level::Warning,
                position: None,
                key: KeyPath::of(&[section, channel]),
                text: format!("no provider has this name, so it has no effect{hint}"),
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::unknown_channels;
    use crate::config::{Config, Env};

    #[test]
    fn slips_in_channel_names_are_found() {
        let text = "oauth-excluded-models: {Claude: [a], github-copliot: [b], other: [c]}\n";
        let config = Config::parse(text, &Env::default()).unwrap().0;
        let notices: Vec<String> = unknown_channels(&config, &["claude", "github-copilot"])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            notices,
            [
                "`oauth-excluded-models.github-copliot`: no provider has this name, so it has no \
                 effect; did you mean `github-copilot`?",
                "`oauth-excluded-models.other`: no provider has this name, so it has no effect",
            ]
        );
    }
}
