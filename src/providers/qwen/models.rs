//! Which models there are (§5): a static list, the service has none of its own.

use actors::domain::catalog::ModelInfo;
use protocol::codec::{ModelTraits, ThinkingSupport};

/// A line of the list.
struct Known {
    id: &'static str,
    display: &'static str,
    version: &'static str,
    /// Context window and largest output in tokens.
    size: (u64, u64),
    /// Unix seconds of its release.
    created: i64,
}

const KNOWN: [Known; 4] = [
    Known {
        id: "qwen3-coder-plus",
        display: "Qwen3 Coder Plus",
        version: "3.0",
        size: (32_768, 8192),
        created: 1_753_228_800,
    },
    Known {
        id: "qwen3-coder-flash",
        display: "Qwen3 Coder Flash",
        version: "3.0",
        size: (8192, 2048),
        created: 1_753_228_800,
    },
    Known {
        id: "coder-model",
        display: "Qwen 3.5 Plus",
        version: "3.5",
        size: (1_048_576, 65_536),
        created: 1_771_171_200,
    },
    Known {
        id: VISION,
        display: "Qwen3 Vision Model",
        version: "3.0",
        size: (32_768, 2048),
        created: 1_758_672_000,
    },
];

/// The model that is known to see.
const VISION: &str = "vision-model";

/// The models this program knows.
pub(super) fn known() -> impl Iterator<Item = ModelInfo> {
    KNOWN.iter().map(|known| ModelInfo {
        display_name: Some(known.display.to_owned()),
        version: Some(known.version.to_owned()),
        created: known.created,
        traits: ModelTraits {
            context_window: Some(known.size.0),
            max_output: Some(known.size.1),
            // None of them has levels: efforts are left out (§7).
            thinking: Some(ThinkingSupport {
                none: true,
                ..ThinkingSupport::default()
            }),
            vision: (known.id == VISION).then_some(true),
            ..ModelTraits::default()
        },
        ..ModelInfo::named(known.id, "qwen")
    })
}
