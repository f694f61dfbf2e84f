//! Shapes this codec writes (`anthropic-messages.md` §2, §3, §6). Absent fields stay absent: some
//! clients stumble over `null` (`clients.md` §2 row 16).

use crate::canonical::CacheMark;
use crate::raw::RawJson;
use serde::Serialize;
use std::borrow::Cow;

/// A content block.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<Cow<'a, RawJson>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    Image {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        citations: Option<Enabled>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    Thinking {
        thinking: Cow<'a, str>,
        signature: Cow<'a, str>,
    },
    RedactedThinking {
        data: Cow<'a, str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: RawJson,
        #[serde(skip_serializing_if = "Option::is_none")]
        caller: Option<&'a RawJson>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "is_false")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    ServerToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        input: RawJson,
    },
    WebSearchToolResult {
        tool_use_id: Cow<'a, str>,
        content: Vec<SearchHit>,
    },
    /// A block kept as it came.
    #[serde(untagged)]
    Verbatim(&'a RawJson),
}

impl<'a> Block<'a> {
    /// A text without marks.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text {
            text: text.into(),
            citations: Vec::new(),
            cache_control: None,
        }
    }

    /// The cache mark of a block that may have one.
    pub(super) fn cache_control(&mut self) -> Option<&mut Option<CacheControl<'a>>> {
        match self {
            Self::Text { cache_control, .. }
            | Self::Image { cache_control, .. }
            | Self::Document { cache_control, .. }
            | Self::ToolUse { cache_control, .. }
            | Self::ToolResult { cache_control, .. } => Some(cache_control),
            _ => None,
        }
    }
}

/// Where the bytes of an image or document are.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 {
        media_type: Cow<'a, str>,
        data: &'a str,
    },
    Text {
        media_type: &'a str,
        data: Cow<'a, str>,
    },
    Url {
        url: &'a str,
    },
    File {
        file_id: &'a str,
    },
    Content {
        content: &'a RawJson,
    },
}

/// `citations: {"enabled": true}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Enabled {
    pub(super) enabled: bool,
}

/// One hit of a web search that another vendor made. There is no encrypted content to send back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct SearchHit {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) url: String,
    pub(super) title: String,
    pub(super) encrypted_content: &'static str,
    pub(super) page_age: Option<String>,
}

/// `cache_control`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct CacheControl<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<&'a str>,
}

impl<'a> From<&'a CacheMark> for CacheControl<'a> {
    fn from(mark: &'a CacheMark) -> Self {
        Self {
            kind: "ephemeral",
            ttl: mark.ttl.as_deref(),
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
