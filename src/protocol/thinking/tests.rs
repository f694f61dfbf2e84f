use super::*;
use Effort::{High, Low, Max, Medium, Minimal, XHigh};
use ReasoningIntent::{Auto, Budget, Level, Off, Unset};

const CHAT: IntentSource = IntentSource::Body(Dialect::OpenAiChat);
const CLAUDE: IntentSource = IntentSource::Body(Dialect::Anthropic);
const SUFFIX: IntentSource = IntentSource::Suffix(Dialect::OpenAiChat);

fn levels(levels: &[Effort]) -> ThinkingSupport {
    ThinkingSupport {
        levels: levels.to_vec(),
        ..ThinkingSupport::default()
    }
}

fn budgets(min_budget: u32, max_budget: u32) -> ThinkingSupport {
    ThinkingSupport {
        min_budget,
        max_budget,
        ..ThinkingSupport::default()
    }
}

fn run(
    intent: ReasoningIntent,
    source: IntentSource,
    upstream: Dialect,
    support: &ThinkingSupport,
) -> Result<ReasoningIntent, String> {
    let model = ModelTraits {
        thinking: Some(support.clone()),
        ..ModelTraits::default()
    };
    resolve(intent, source, upstream, &model).map_err(|e| e.to_string())
}

#[test]
fn splits_suffixes() {
    for (model, want) in [
        ("m", ("m", None)),
        ("m(high)", ("m", Some(Level(High)))),
        ("m(XHIGH)", ("m", Some(Level(XHigh)))),
        ("m(max)", ("m", Some(Level(Max)))),
        ("m(none)", ("m", Some(Off))),
        ("m(0)", ("m", Some(Off))),
        ("m(Auto)", ("m", Some(Auto))),
        ("m(-1)", ("m", Some(Auto))),
        ("m(8192)", ("m", Some(Budget(8192)))),
        ("m(99999999999)", ("m", Some(Budget(u32::MAX)))),
        ("m()", ("m", Some(Unset))),
        ("m(-2)", ("m", Some(Unset))),
        ("m(1.5)", ("m", Some(Unset))),
        ("m(latest)(low)", ("m(latest)", Some(Level(Low)))),
        ("m(low", ("m(low", None)),
        ("m(low) ", ("m(low) ", None)),
        ("m)", ("m)", None)),
        ("(low)", ("(low)", None)),
        ("m-thinking", ("m-thinking", None)),
        ("m:high", ("m:high", None)),
    ] {
        assert_eq!(split_suffix(model), want, "{model}");
    }
}

#[test]
fn levels_and_budgets_follow_one_table() {
    for level in [Minimal, Low, Medium, High, XHigh] {
        assert_eq!(level_of(budget_of(level)), level);
        assert_eq!(parse_level(level_word(level)), Some(level));
    }
    for (budget, level) in [
        (1, Minimal),
        (513, Low),
        (1025, Medium),
        (8193, High),
        (24_577, XHigh),
    ] {
        assert_eq!(level_of(budget), level);
    }
    assert_eq!((budget_of(Max), parse_level("Max")), (128_000, Some(Max)));
    assert_eq!(parse_level("none"), None);
}

#[test]
fn unknown_models_pass_unchecked() {
    let model = ModelTraits::default();
    for intent in [Unset, Off, Auto, Level(Max), Budget(7)] {
        let got = resolve(intent, CHAT, Dialect::OpenAiChat, &model);
        assert_eq!(got, Ok(intent));
        // Thinking is known, but not how.
        assert_eq!(
            run(
                intent,
                CHAT,
                Dialect::OpenAiChat,
                &ThinkingSupport::default()
            ),
            Ok(intent)
        );
    }
}

#[test]
fn models_that_do_not_think_lose_the_parameters() {
    let support = ThinkingSupport {
        none: true,
        ..budgets(1, 9)
    };
    for intent in [Unset, Off, Auto, Level(High), Budget(7)] {
        assert_eq!(run(intent, CLAUDE, Dialect::Anthropic, &support), Ok(Unset));
    }
}

#[test]
fn levels_become_budgets_and_back() {
    let support = budgets(1024, 32_000);
    for (level, want) in [
        (Minimal, 1024),
        (Medium, 8192),
        (XHigh, 32_000),
        (Max, 32_000),
    ] {
        // Clamped even within one family: the number was not the client's.
        assert_eq!(
            run(Level(level), CLAUDE, Dialect::Anthropic, &support),
            Ok(Budget(want))
        );
    }
    let support = levels(&[Low, Medium, High]);
    for (budget, want) in [(100, Low), (5000, Medium), (90_000, High)] {
        assert_eq!(
            run(Budget(budget), CHAT, Dialect::OpenAiResponses, &support),
            Ok(Level(want))
        );
    }
}

#[test]
fn levels_not_offered() {
    let support = levels(&[Low, High]);
    let refused = Err(r#"level "xhigh" not supported, valid levels: low, high"#.to_owned());
    for source in [CHAT, SUFFIX] {
        let got = run(Level(XHigh), source, Dialect::OpenAiResponses, &support);
        assert_eq!(got, refused);
    }
    for source in [CLAUDE, IntentSource::Suffix(Dialect::Gemini)] {
        let got = run(Level(Medium), source, Dialect::OpenAiResponses, &support);
        assert_eq!(got, Ok(Level(Low)), "the lower one on a tie");
    }
    // Both sides count tokens, so the level was meant; Gemini's own clients know its levels.
    assert!(run(Level(Medium), CLAUDE, Dialect::Anthropic, &support).is_err());
    let gemini = IntentSource::Body(Dialect::Gemini);
    assert!(run(Level(Medium), gemini, Dialect::Gemini, &support).is_err());
    assert!(run(Level(XHigh), SUFFIX, Dialect::Gemini, &support).is_err());
    // Another vendor's model behind the protocol (Claude Code's `max` on Kimi).
    let foreign = ThinkingSupport {
        foreign: true,
        ..support.clone()
    };
    for (wish, want) in [(Level(Max), Level(High)), (Off, Level(Low))] {
        assert_eq!(run(wish, CLAUDE, Dialect::Anthropic, &foreign), Ok(want));
    }
    assert!(run(Level(Max), CHAT, Dialect::OpenAiChat, &foreign).is_err());
    let error = resolve(
        Level(XHigh),
        SUFFIX,
        Dialect::OpenAiChat,
        &ModelTraits {
            thinking: Some(support),
            ..ModelTraits::default()
        },
    );
    assert_eq!(error.unwrap_err().into_failure().status, 400);
}

#[test]
fn e81_words_that_gemini_does_not_have() {
    for (wish, offered, want) in [
        (XHigh, &[Minimal, Low, Medium, High][..], High),
        (Minimal, &[Low, High], Low),
        (Max, &[Low, High], High),
    ] {
        for source in [CHAT, CLAUDE, IntentSource::Body(Dialect::OpenAiResponses)] {
            let got = run(Level(wish), source, Dialect::Gemini, &levels(offered));
            assert_eq!(got, Ok(Level(want)));
        }
    }
}

#[test]
fn budgets_out_of_range() {
    let support = budgets(1024, 32_000);
    let got = run(Budget(64_000), CLAUDE, Dialect::Anthropic, &support);
    assert_eq!(
        got,
        Err("budget 64000 out of range [1024,32000]".to_owned())
    );
    for (source, budget, want) in [
        (CHAT, 64_000, 32_000),
        (CHAT, 5, 1024),
        (IntentSource::Suffix(Dialect::Anthropic), 64_000, 32_000),
        (CLAUDE, 2000, 2000),
    ] {
        assert_eq!(
            run(Budget(budget), source, Dialect::Anthropic, &support),
            Ok(Budget(want))
        );
    }
}

#[test]
fn auto_without_dynamic_support() {
    let dynamic = ThinkingSupport {
        dynamic: true,
        ..budgets(0, 100)
    };
    for (support, want) in [
        (dynamic, Auto),
        (levels(&[Low, Medium, High]), Level(Medium)),
        (levels(&[Low, High]), Level(Low)),
        (budgets(1024, 31_000), Budget(16_012)),
    ] {
        assert_eq!(run(Auto, CHAT, Dialect::Gemini, &support), Ok(want));
    }
}

#[test]
fn none_on_models_that_cannot_stop() {
    let off = ThinkingSupport {
        can_disable: true,
        ..levels(&[Low])
    };
    for (support, upstream, want) in [
        (off, Dialect::OpenAiChat, Off),
        (levels(&[Minimal, Low]), Dialect::OpenAiChat, Level(Minimal)),
        (budgets(128, 32_768), Dialect::Gemini, Budget(128)),
        (budgets(1024, 32_000), Dialect::Anthropic, Off),
    ] {
        assert_eq!(run(Off, CHAT, upstream, &support), Ok(want));
    }
}
