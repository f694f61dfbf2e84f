//! Request bodies as clients write them (`openai-chat.md` §2–§5).
//!
//! Fields of the first vendor are typed strictly; vendor extensions are read leniently: a value of
//! another shape counts as absent.

use super::wire_values::{Lenient, Strings, Text, Whole};
use crate::raw::RawJson;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The whole body without `messages` and `tools`, which are long and read apart.
#[derive(Debug, Deserialize)]
pub(crate) struct ChatBody<'a> {
    pub(crate) model: Option<String>,
    pub(crate) stream: Option<bool>,
    pub(crate) stream_options: Option<StreamOptions>,
    pub(crate) max_tokens: Option<Whole<u64>>,
    pub(crate) max_completion_tokens: Option<Whole<u64>>,
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    #[serde(default)]
    pub(crate) top_k: Lenient<u64>,
    #[serde(default)]
    pub(crate) min_p: Lenient<f64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) logit_bias: Option<RawJson>,
    pub(crate) logprobs: Option<bool>,
    pub(crate) top_logprobs: Option<Whole<u32>>,
    pub(crate) n: Option<Whole<u32>>,
    pub(crate) seed: Option<Whole<i64>>,
    pub(crate) stop: Option<Strings>,
    #[serde(borrow)]
    pub(crate) tool_choice: Option<&'a RawValue>,
    pub(crate) parallel_tool_calls: Option<bool>,
    pub(crate) functions: Option<Vec<Function>>,
    #[serde(borrow)]
    pub(crate) function_call: Option<&'a RawValue>,
    pub(crate) response_format: Option<ResponseFormat>,
    pub(crate) reasoning_effort: Option<String>,
    pub(crate) verbosity: Option<String>,
    pub(crate) modalities: Option<Vec<String>>,
    pub(crate) audio: Option<RawJson>,
    pub(crate) prediction: Option<RawJson>,
    pub(crate) web_search_options: Option<RawJson>,
    pub(crate) store: Option<bool>,
    pub(crate) metadata: Option<RawJson>,
    pub(crate) user: Option<String>,
    pub(crate) safety_identifier: Option<String>,
    pub(crate) prompt_cache_key: Option<String>,
    pub(crate) prompt_cache_retention: Option<String>,
    pub(crate) service_tier: Option<String>,
    // Vendor extensions.
    #[serde(default)]
    pub(crate) reasoning: Lenient<VendorReasoning>,
    #[serde(default)]
    pub(crate) thinking: Lenient<VendorThinking>,
    #[serde(default)]
    pub(crate) enable_thinking: Lenient<bool>,
    #[serde(default)]
    pub(crate) thinking_budget: Lenient<i64>,
    #[serde(default)]
    pub(crate) chat_template_kwargs: Lenient<TemplateArgs>,
    #[serde(default)]
    pub(crate) extra_body: Lenient<ExtraBody>,
    #[serde(default)]
    pub(crate) image_config: Lenient<ImageConfig>,
    #[serde(default)]
    pub(crate) cache_control: Lenient<CacheControl>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: Option<bool>,
}

/// OpenRouter `reasoning`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct VendorReasoning {
    pub(crate) effort: Option<String>,
    pub(crate) max_tokens: Option<i64>,
    pub(crate) exclude: Option<bool>,
    pub(crate) enabled: Option<bool>,
}

/// DeepSeek, Kimi, GLM `thinking`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct VendorThinking {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) budget_tokens: Option<i64>,
}

/// `chat_template_kwargs` of vLLM and SGLang.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TemplateArgs {
    pub(crate) enable_thinking: Option<bool>,
    pub(crate) thinking: Option<bool>,
}

/// `extra_body`, sent by clients of the Gemini compatible endpoint.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ExtraBody {
    pub(crate) google: Option<ExtraGoogle>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ExtraGoogle {
    pub(crate) thinking_config: Option<ThinkingConfig>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ThinkingConfig {
    #[serde(alias = "thinkingBudget")]
    pub(crate) thinking_budget: Option<i64>,
    #[serde(alias = "thinkingLevel")]
    pub(crate) thinking_level: Option<String>,
    #[serde(alias = "includeThoughts")]
    pub(crate) include_thoughts: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ImageConfig {
    pub(crate) aspect_ratio: Option<String>,
    pub(crate) image_size: Option<String>,
}

/// Anthropic style prompt-cache mark.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CacheControl {
    pub(crate) ttl: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ResponseFormat {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) json_schema: Option<JsonSchema>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct JsonSchema {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) schema: Option<RawJson>,
    pub(crate) strict: Option<bool>,
}

/// A message without its `content`.
#[derive(Debug, Deserialize)]
pub(crate) struct Message<'a> {
    pub(crate) role: String,
    pub(crate) name: Option<String>,
    pub(crate) tool_call_id: Option<String>,
    #[serde(borrow)]
    pub(crate) tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow)]
    pub(crate) function_call: Option<FunctionCall<'a>>,
    pub(crate) refusal: Option<String>,
    pub(crate) audio: Option<AudioRef>,
    #[serde(default)]
    pub(crate) reasoning_content: Lenient<String>,
    #[serde(default)]
    pub(crate) reasoning: Lenient<String>,
    #[serde(default)]
    pub(crate) reasoning_text: Lenient<String>,
    #[serde(default)]
    pub(crate) reasoning_opaque: Lenient<String>,
    #[serde(default)]
    pub(crate) reasoning_details: Lenient<Vec<ReasoningDetail>>,
    #[serde(default)]
    pub(crate) extra_content: Lenient<ExtraContent>,
    #[serde(default)]
    pub(crate) cache_control: Lenient<CacheControl>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AudioRef {
    pub(crate) id: String,
}

/// One entry of OpenRouter's `reasoning_details`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ReasoningDetail {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) signature: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) format: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) index: Option<i64>,
}

/// `extra_content` of the Gemini compatible endpoint.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ExtraContent {
    pub(crate) google: Option<GoogleContent>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GoogleContent {
    pub(crate) thought_signature: Option<String>,
}

impl ExtraContent {
    pub(crate) fn signature(self) -> Option<String> {
        self.google?.thought_signature.filter(|s| !s.is_empty())
    }
}

/// A content part: the fields of all types side by side. A long `text` is read apart.
#[derive(Debug, Deserialize)]
pub(crate) struct Part<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) refusal: Option<String>,
    #[serde(borrow)]
    pub(crate) image_url: Option<Link<'a>>,
    #[serde(borrow)]
    pub(crate) video_url: Option<Link<'a>>,
    #[serde(borrow)]
    pub(crate) input_audio: Option<InputAudio<'a>>,
    #[serde(borrow)]
    pub(crate) file: Option<FilePart<'a>>,
    /// Mistral and Anthropic style thinking.
    #[serde(default)]
    pub(crate) thinking: Lenient<serde_json::Value>,
    #[serde(default)]
    pub(crate) detail: Lenient<String>,
    // The flat form of Responses, seen from mixed-up clients.
    #[serde(borrow)]
    pub(crate) file_data: Option<Text<'a>>,
    pub(crate) file_id: Option<String>,
    pub(crate) filename: Option<String>,
    #[serde(default)]
    pub(crate) cache_control: Lenient<CacheControl>,
    pub(crate) prompt_cache_breakpoint: Option<serde::de::IgnoredAny>,
}

/// `{url, detail?, format?}`, or the bare URL.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    pub(crate) url: Text<'a>,
    pub(crate) detail: Option<String>,
    pub(crate) format: Option<String>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Link<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Full<'a> {
            #[serde(borrow)]
            url: Text<'a>,
            #[serde(default)]
            detail: Lenient<String>,
            #[serde(default)]
            format: Lenient<String>,
        }
        struct LinkVisitor;
        impl<'de> Visitor<'de> for LinkVisitor {
            type Value = Link<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `url`")
            }
            fn visit_borrowed_str<E>(self, url: &'de str) -> Result<Self::Value, E> {
                Ok(bare(Text(Cow::Borrowed(url))))
            }
            fn visit_str<E>(self, url: &str) -> Result<Self::Value, E> {
                Ok(bare(Text(Cow::Owned(url.to_owned()))))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let full = Full::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Link {
                    url: full.url,
                    detail: full.detail.0,
                    format: full.format.0,
                })
            }
        }
        fn bare(url: Text<'_>) -> Link<'_> {
            Link {
                url,
                detail: None,
                format: None,
            }
        }
        deserializer.deserialize_any(LinkVisitor)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct InputAudio<'a> {
    #[serde(borrow)]
    pub(crate) data: Text<'a>,
    pub(crate) format: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FilePart<'a> {
    #[serde(borrow)]
    pub(crate) file_data: Option<Text<'a>>,
    pub(crate) file_id: Option<String>,
    pub(crate) filename: Option<String>,
    #[serde(default)]
    pub(crate) format: Lenient<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ToolCall<'a> {
    pub(crate) id: Option<String>,
    #[serde(borrow)]
    pub(crate) function: Option<FunctionCall<'a>>,
    pub(crate) custom: Option<CustomCall>,
    #[serde(default)]
    pub(crate) extra_content: Lenient<ExtraContent>,
    #[serde(default)]
    pub(crate) cache_control: Lenient<CacheControl>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FunctionCall<'a> {
    pub(crate) name: Option<String>,
    /// A string; some clients put the object itself.
    #[serde(borrow)]
    pub(crate) arguments: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CustomCall {
    pub(crate) name: String,
    pub(crate) input: Option<String>,
}

/// A tool declaration: nested, or with the fields of `function` and `custom` at top level. `function`
/// is read apart.
#[derive(Debug, Deserialize)]
pub(crate) struct ToolEntry {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) custom: Option<Custom>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) parameters: Option<RawJson>,
    pub(crate) input_schema: Option<RawJson>,
    pub(crate) strict: Option<bool>,
    pub(crate) format: Option<RawJson>,
    #[serde(default)]
    pub(crate) cache_control: Lenient<CacheControl>,
    #[serde(default)]
    pub(crate) defer_loading: Lenient<bool>,
    // Built-in tools of Gemini.
    #[serde(alias = "googleSearch")]
    pub(crate) google_search: Option<RawJson>,
    #[serde(alias = "codeExecution")]
    pub(crate) code_execution: Option<RawJson>,
    #[serde(alias = "urlContext")]
    pub(crate) url_context: Option<RawJson>,
    // Searches of other protocols.
    #[serde(default)]
    pub(crate) filters: Lenient<SearchFilters>,
    #[serde(default)]
    pub(crate) allowed_domains: Lenient<Vec<String>>,
    #[serde(default)]
    pub(crate) blocked_domains: Lenient<Vec<String>>,
    pub(crate) user_location: Option<RawJson>,
    #[serde(default)]
    pub(crate) max_uses: Lenient<u64>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SearchFilters {
    pub(crate) allowed_domains: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) parameters: Option<RawJson>,
    pub(crate) strict: Option<bool>,
}

/// A function without its long members.
#[derive(Debug, Deserialize)]
pub(crate) struct FunctionHead {
    pub(crate) name: String,
    pub(crate) strict: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Custom {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) format: Option<RawJson>,
}

/// An object form of `tool_choice`, nested or flat.
#[derive(Debug, Deserialize)]
pub(crate) struct ChoiceEntry {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) function: Option<Named>,
    pub(crate) custom: Option<Named>,
    pub(crate) allowed_tools: Option<AllowedTools>,
    // The flat form of Responses.
    pub(crate) mode: Option<String>,
    pub(crate) tools: Option<Vec<ChoiceEntry>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AllowedTools {
    pub(crate) mode: Option<String>,
    #[serde(default)]
    pub(crate) tools: Vec<ChoiceEntry>,
}
