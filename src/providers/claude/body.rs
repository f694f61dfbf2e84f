//! What stands in a body of the messages call, and the cache marks of accounts (§7.2).

use bytes::Bytes;
use protocol::splice::{Doc, Edits, Kind, Node};

const MARK: &str = r#"{"type":"ephemeral"}"#;

/// The fields of a body that decide about headers and edits; read in one pass.
pub(super) struct Parts<'a> {
    text: &'a str,
    root: Option<Node<'a>>,
    system: Option<Node<'a>>,
    tools: Option<Node<'a>>,
    messages: Option<Node<'a>>,
    thinking: Option<Node<'a>>,
    output_config: Option<Node<'a>>,
    speed: Option<Node<'a>>,
    pub(super) context_management: Option<Node<'a>>,
    pub(super) diagnostics: Option<Node<'a>>,
    pub(super) fallbacks: Option<Node<'a>>,
}

impl<'a> Parts<'a> {
    /// The parts of an encoded body.
    pub(super) fn of(body: &'a Bytes) -> Self {
        let root = Doc::trust(body).map(|doc| doc.root());
        let [
            system,
            tools,
            messages,
            thinking,
            output_config,
            speed,
            context_management,
            diagnostics,
            fallbacks,
        ] = match root {
            Some(root) => root.pick([
                "system",
                "tools",
                "messages",
                "thinking",
                "output_config",
                "speed",
                "context_management",
                "diagnostics",
                "fallbacks",
            ]),
            None => [None; 9],
        }
        .map(|node| node.filter(|node| !node.is_null()));
        Self {
            text: root.map_or("", |root| root.raw()),
            root,
            system,
            tools,
            messages,
            thinking,
            output_config,
            speed,
            context_management,
            diagnostics,
            fallbacks,
        }
    }

    /// `speed: "fast"`
    pub(super) fn is_fast(&self) -> bool {
        self.speed.is_some_and(|speed| is_text(speed, "fast"))
    }

    /// The client said how thinking is shown.
    pub(super) fn shows_thinking(&self) -> bool {
        let display = self.thinking.and_then(|thinking| thinking.get("display"));
        display.is_some_and(|display| !display.is_null())
    }

    /// A cache mark lives for an hour.
    pub(super) fn has_long_cache(&self) -> bool {
        self.has_marks() && self.text.contains("\"1h\"")
    }

    /// A member of `output_config` is set.
    pub(super) fn output_config_has(&self, key: &str) -> bool {
        let value = self.output_config.and_then(|config| config.get(key));
        value.is_some_and(|value| !value.is_null())
    }

    /// Tools that are searched for, or wait to be found.
    pub(super) fn has_tools_of_search(&self) -> bool {
        self.has_tool(|tool| is_deferred(tool) || is_of_type(tool, "tool_search_tool"))
    }

    /// The advisor tool.
    pub(super) fn has_advisor(&self) -> bool {
        self.has_tool(|tool| is_of_type(tool, "advisor"))
    }

    /// A system turn among the messages.
    pub(super) fn has_mid_system(&self) -> bool {
        let is_system = |message: Node<'_>| {
            let role = message.get("role");
            role.is_some_and(|role| is_text(role, "system"))
        };
        // Most conversations do not even hold the word as a text of its own.
        self.messages.is_some_and(|messages| {
            messages.raw().contains("\"system\"") && messages.elements().any(is_system)
        })
    }

    fn has_tool(&self, is_wanted: impl Fn(Node<'a>) -> bool) -> bool {
        self.tools
            .is_some_and(|tools| tools.elements().any(is_wanted))
    }

    fn has_marks(&self) -> bool {
        // Inside a text the quotes would be escaped.
        self.text.contains("\"cache_control\"")
    }

    /// `body` as it goes out with an account's token: with cache marks where the client set none
    /// (`matrix.md` §2), and otherwise as the client wrote it.
    pub(super) fn for_account(&self, body: &Bytes) -> Bytes {
        let Some(root) = self.root.filter(|root| root.kind() == Kind::Object) else {
            return body.clone();
        };
        if self.has_marks() {
            return body.clone();
        }
        let mut edits = Edits::new();
        self.mark_system(&mut edits, root);
        self.mark_tools(&mut edits);
        self.mark_turn(&mut edits);
        edits.apply(body)
    }

    /// Marks the end of the system text, if it says anything.
    fn mark_system(&self, edits: &mut Edits, root: Node<'a>) {
        let Some(system) = self.system else {
            return;
        };
        if let Some(last) = system.elements().last() {
            edits.set(last, "cache_control", MARK);
        } else if system.string().is_some_and(|text| !text.trim().is_empty()) {
            edits.set(root, "system", format!("[{}]", text_block(system.raw())));
        }
    }

    /// Marks the last tool that is always sent: one that waits to be found may not be marked
    /// (router-for-me/CLIProxyAPI 95d5b2485).
    fn mark_tools(&self, edits: &mut Edits) {
        let tools = self.tools.iter().flat_map(Node::elements);
        if let Some(last) = tools.filter(|tool| !is_deferred(*tool)).last() {
            edits.set(last, "cache_control", MARK);
        }
    }

    /// Marks the end of the second-to-last user turn: what the next request repeats for certain.
    fn mark_turn(&self, edits: &mut Edits) {
        let (mut before, mut last) = (None, None);
        for message in self.messages.iter().flat_map(Node::elements) {
            let [role, content] = message.pick(["role", "content"]);
            if role.is_some_and(|role| is_text(role, "user")) {
                before = last.replace(content);
            }
        }
        let Some(content) = before.flatten() else {
            return;
        };
        match content.string() {
            Some(text) if !text.trim().is_empty() => {
                edits.replace(content, format!("[{}]", text_block(content.raw())));
            }
            Some(_) => {}
            None => {
                if let Some(block) = content.elements().last() {
                    edits.set(block, "cache_control", MARK);
                }
            }
        }
    }
}

/// A marked text block around a string literal.
fn text_block(literal: &str) -> String {
    format!("{{\"type\":\"text\",\"text\":{literal},\"cache_control\":{MARK}}}")
}

fn is_deferred(tool: Node<'_>) -> bool {
    tool.get("defer_loading").and_then(|flag| flag.boolean()) == Some(true)
}

fn is_of_type(tool: Node<'_>, prefix: &str) -> bool {
    tool.get("type")
        .and_then(|kind| kind.string())
        .is_some_and(|kind| kind.starts_with(prefix))
}

fn is_text(node: Node<'_>, want: &str) -> bool {
    node.string().is_some_and(|text| text == want)
}
