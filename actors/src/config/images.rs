//! `disable-image-generation`: where pictures may be made.

use serde_yaml::Value;

use super::path::KeyPath;
use super::reader::{Field, Reader};

/// Where pictures may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Images {
    /// Wherever a client asks for it: `false`, or `passthrough`, which is the same here because no
    /// image tool is ever added to a request.
    #[default]
    Everywhere,
    /// On the image routes only: the image tool is taken out of other requests (`chat`).
    OwnRoutes,
    /// Nowhere: the routes answer 404 too (`true`).
    Nowhere,
}

impl Field for Images {
    fn read(value: &Value, at: &KeyPath, reader: &mut Reader) -> Option<Self> {
        let word = match value {
            Value::Bool(flag) => flag.to_string(),
            Value::String(text) => text.trim().to_ascii_lowercase(),
            _ => String::new(),
        };
        match word.as_str() {
            "false" | "no" | "off" | "n" | "passthrough" => Some(Self::Everywhere),
            "true" | "yes" | "on" | "y" => Some(Self::Nowhere),
            "chat" => Some(Self::OwnRoutes),
            _ => {
                reader.fail(at, value, "`false`, `true`, `chat` or `passthrough`");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Images;
    use crate::config::{Config, Env};

    #[test]
    fn every_word_of_the_other_versions_is_known() {
        for (word, want) in [
            ("false", Some(Images::Everywhere)),
            ("passthrough", Some(Images::Everywhere)),
            ("true", Some(Images::Nowhere)),
            ("\"on\"", Some(Images::Nowhere)),
            ("Chat", Some(Images::OwnRoutes)),
            ("never", None),
            ("3", None),
        ] {
            let text = format!("disable-image-generation: {word}\n");
            let parsed = Config::parse(&text, &Env::default());
            assert_eq!(parsed.ok().map(|(config, _)| config.images), want, "{word}");
        }
    }
}
