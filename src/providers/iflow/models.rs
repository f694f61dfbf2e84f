//! Which models there are (§5): a static list, the service has none of its own.

use actors::domain::catalog::ModelInfo;
use protocol::canonical::Effort::{High, Low, Medium, Minimal, XHigh};
use protocol::codec::{ModelTraits, ThinkingSupport};

/// Name, name for people, unix seconds of the release, whether it can be told how to think.
const KNOWN: &[(&str, &str, i64, bool)] = &[
    ("tstars2.0", "TStars-2.0", 1_746_489_600, false),
    ("qwen3-coder-plus", "Qwen3-Coder-Plus", 1_753_228_800, false),
    ("qwen3-max", "Qwen3-Max", 1_758_672_000, false),
    ("qwen3-vl-plus", "Qwen3-VL-Plus", 1_758_672_000, false),
    (
        "qwen3-max-preview",
        "Qwen3-Max-Preview",
        1_757_030_400,
        true,
    ),
    (
        "kimi-k2-0905",
        "Kimi-K2-Instruct-0905",
        1_757_030_400,
        false,
    ),
    ("glm-4.6", "GLM-4.6", 1_759_190_400, true),
    ("glm-4.7", "GLM-4.7", 1_766_448_000, true),
    ("glm-5", "GLM-5", 1_770_768_000, true),
    ("kimi-k2", "Kimi-K2", 1_752_192_000, false),
    ("kimi-k2-thinking", "Kimi-K2-Thinking", 1_762_387_200, false),
    ("deepseek-v3.2-chat", "DeepSeek-V3.2", 1_764_576_000, false),
    (
        "deepseek-v3.2-reasoner",
        "DeepSeek-V3.2",
        1_764_576_000,
        false,
    ),
    ("deepseek-v3.2", "DeepSeek-V3.2-Exp", 1_759_104_000, true),
    (
        "deepseek-v3.1",
        "DeepSeek-V3.1-Terminus",
        1_756_339_200,
        true,
    ),
    ("deepseek-r1", "DeepSeek-R1", 1_737_331_200, false),
    ("deepseek-v3", "DeepSeek-V3-671B", 1_734_307_200, false),
    ("qwen3-32b", "Qwen3-32B", 1_747_094_400, false),
    (
        "qwen3-235b-a22b-thinking-2507",
        "Qwen3-235B-A22B-Thinking",
        1_753_401_600,
        false,
    ),
    (
        "qwen3-235b-a22b-instruct",
        "Qwen3-235B-A22B-Instruct",
        1_753_401_600,
        false,
    ),
    ("qwen3-235b", "Qwen3-235B-A22B", 1_753_401_600, false),
    ("minimax-m2", "MiniMax-M2", 1_758_672_000, true),
    ("minimax-m2.1", "MiniMax-M2.1", 1_766_448_000, true),
    ("minimax-m2.5", "MiniMax-M2.5", 1_770_825_600, true),
    ("iflow-rome-30ba3b", "iFlow-ROME", 1_736_899_200, false),
    // Said to have levels, but nothing in a request changes its thinking.
    ("kimi-k2.5", "Kimi-K2.5", 1_769_443_200, false),
];

/// The models this program knows.
pub(super) fn known() -> impl Iterator<Item = ModelInfo> {
    KNOWN.iter().map(|(id, display, created, levels)| {
        let thinking = if *levels {
            // They think or they do not: every level is "on".
            ThinkingSupport {
                levels: vec![Minimal, Low, Medium, High, XHigh],
                can_disable: true,
                ..ThinkingSupport::default()
            }
        } else {
            ThinkingSupport {
                none: true,
                ..ThinkingSupport::default()
            }
        };
        ModelInfo {
            display_name: Some((*display).to_owned()),
            created: *created,
            traits: ModelTraits {
                thinking: Some(thinking),
                ..ModelTraits::default()
            },
            ..ModelInfo::named(*id, "iflow")
        }
    })
}

/// Families that need their earlier thinking in the conversation (§7; `matrix.md` §4.3).
pub(super) fn wants_thinking_back(model: &str) -> bool {
    let families = ["glm-4", "minimax-m2", "kimi", "deepseek"];
    families.iter().any(|family| model.starts_with(family))
}
