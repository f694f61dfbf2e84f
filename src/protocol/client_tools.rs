//! Tools whose type the vendor fixed and that the client itself runs (`anthropic-messages.md` §5).
//!
//! Such a tool is declared by its type alone: the vendor's models know its input by heart. Models of
//! others do not, but the inputs are documented, so for them the tool becomes a plain function of the
//! same name (`matrix.md` §4.7). Its calls then come back in the shape the client expects.
//!
//! Source of names and inputs: Anthropic's documentation of the bash, text editor and memory tools and
//! its SDKs' types; that `insert` takes `insert_text` since the second editor:
//! anthropics/anthropic-sdk-python #1155. The descriptions are our own.
//!
//! `computer_*` is not among them: it answers with coordinates on screenshots, for which a model has
//! to be trained.

use crate::canonical::{Request, Tool, ToolKind};
use crate::codec::Dialect;
use crate::raw::RawJson;
use serde_json::{Value, json};

/// The function that stands for `tool` where its vendor's tools are not known; `None` when there is
/// none, or `tool` is no tool of that kind.
pub fn as_function(tool: &Tool) -> Option<Tool> {
    let ToolKind::Server {
        dialect: Dialect::Anthropic,
        kind,
        ..
    } = &tool.kind
    else {
        return None;
    };
    let known = known(kind)?;
    let name = if tool.name.is_empty() {
        known.name.to_owned()
    } else {
        tool.name.clone()
    };
    let description = tool.description.clone();
    Some(Tool {
        name,
        namespace: None,
        description: description.or_else(|| Some(known.description.into())),
        kind: ToolKind::Function {
            schema: Some(RawJson::from(known.input)),
            strict: None,
            output_schema: None,
        },
        defer_loading: tool.defer_loading,
        cache: tool.cache.clone(),
    })
}

/// Types of the tools of `request` that a service speaking `upstream` cannot be told of: tools that
/// another vendor runs, or whose type another vendor fixed. Searches of the web are not among them,
/// they have rules of their own.
pub fn left_out(request: &Request, upstream: Dialect) -> impl Iterator<Item = &str> {
    request.tools.iter().filter_map(move |tool| {
        let ToolKind::Server { dialect, kind, .. } = &tool.kind else {
            return None;
        };
        (*dialect != upstream && as_function(tool).is_none()).then_some(kind.as_str())
    })
}

/// What is documented of a type.
struct Known {
    name: &'static str,
    description: &'static str,
    /// JSON schema of the input.
    input: Value,
}

fn known(kind: &str) -> Option<Known> {
    Some(match kind {
        "bash_20241022" | "bash_20250124" => bash(),
        "text_editor_20241022" | "text_editor_20250124" => Known {
            name: "str_replace_editor",
            description: "Looks at text files and changes them. `view` shows a file with line \
                          numbers, or what is in a folder; `create` writes a new file; \
                          `str_replace` replaces one passage; `insert` adds lines; `undo_edit` \
                          takes back the last change of a file.",
            input: editor(
                &["view", "create", "str_replace", "insert", "undo_edit"],
                &["path"],
                json!({
                    "new_str": text("`str_replace`: what stands there afterwards; nothing when \
                                     left out. `insert`: the text to add."),
                }),
            ),
        },
        "text_editor_20250429" | "text_editor_20250728" => Known {
            name: "str_replace_based_edit_tool",
            description: "Looks at text files and changes them. `view` shows a file with line \
                          numbers, or what is in a folder; `create` writes a new file; \
                          `str_replace` replaces one passage; `insert` adds lines.",
            input: editor(
                &["view", "create", "str_replace", "insert"],
                &["path"],
                json!({
                    "new_str": text(REPLACEMENT),
                    "insert_text": text(INSERTION),
                }),
            ),
        },
        "memory_20250818" => Known {
            name: "memory",
            description: "Keeps notes for later conversations, as files below `/memories`. View \
                          `/memories` before you begin with a task, and note there what you would \
                          need if this conversation ended now. `view` shows a file or what is in a \
                          folder; `create` writes a file; `str_replace` replaces one passage; \
                          `insert` adds lines; `delete` removes a file or folder; `rename` moves \
                          one.",
            input: editor(
                &[
                    "view",
                    "create",
                    "str_replace",
                    "insert",
                    "delete",
                    "rename",
                ],
                // `rename` has two paths of its own.
                &[],
                json!({
                    "new_str": text(REPLACEMENT),
                    "insert_text": text(INSERTION),
                    "old_path": text("`rename`: the path as it is."),
                    "new_path": text("`rename`: the path as it shall be."),
                }),
            ),
        },
        _ => return None,
    })
}

const REPLACEMENT: &str = "`str_replace`: what stands there afterwards; nothing when left out.";
const INSERTION: &str = "`insert`: the text to add.";

fn bash() -> Known {
    Known {
        name: "bash",
        description: "Runs commands in one bash session that stays open between the calls: folder, \
                      variables and jobs are kept. Returns what the command prints. Programs that \
                      wait for input cannot be used.",
        input: json!({
            "type": "object",
            "properties": {
                "command": text("The command to run. Leave it out only with `restart`."),
                "restart": {
                    "type": "boolean",
                    "description": "True: end the session and begin a new one.",
                },
            },
        }),
    }
}

/// The input of a tool with several commands on files: what all have in common, and `more`.
fn editor(commands: &[&str], also_required: &[&str], more: Value) -> Value {
    let mut properties = json!({
        "command": {"type": "string", "enum": commands, "description": "What to do."},
        "path": text("Absolute path of the file or folder."),
        "file_text": text("`create`: the whole content of the file."),
        "old_str": text("`str_replace`: the passage to replace, exactly as it stands in the file, \
                         white space included; it must occur there once."),
        "insert_line": {
            "type": "integer",
            "description": "`insert`: the number of the line to insert after; 0 is the beginning \
                            of the file.",
        },
        "view_range": {
            "type": "array",
            "items": {"type": "integer"},
            "description": "`view` of a file: the first and the last line to show, counted from \
                            1; -1 as the last shows all that follow.",
        },
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut properties, more) {
        all.extend(more);
    }
    let required: Vec<&str> = std::iter::once("command")
        .chain(also_required.iter().copied())
        .collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(dialect: Dialect, kind: &str) -> Tool {
        Tool {
            name: String::new(),
            namespace: None,
            description: None,
            kind: ToolKind::Server {
                dialect,
                kind: kind.to_owned(),
                raw: RawJson::from(json!({"type": kind})),
            },
            defer_loading: None,
            cache: None,
        }
    }

    #[track_caller]
    fn check(kind: &str, name: &str, commands: &[&str], some_inputs: &[&str]) {
        let tool = as_function(&fixed(Dialect::Anthropic, kind)).unwrap();
        assert_eq!(tool.name, name);
        let ToolKind::Function { schema, .. } = &tool.kind else {
            panic!("{:?}", tool.kind);
        };
        let schema: Value = schema.as_ref().unwrap().read().unwrap();
        let listed = schema["properties"]["command"].get("enum");
        assert_eq!(
            listed.cloned(),
            (!commands.is_empty()).then(|| json!(commands))
        );
        for input in some_inputs {
            assert!(schema["properties"].get(*input).is_some(), "{input}");
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            let name = required.as_str().unwrap();
            assert!(schema["properties"].get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn documented_types_have_functions() {
        const OLD: &[&str] = &["view", "create", "str_replace", "insert", "undo_edit"];
        const NEW: &[&str] = &["view", "create", "str_replace", "insert"];
        const MEMORY: &[&str] = &[
            "view",
            "create",
            "str_replace",
            "insert",
            "delete",
            "rename",
        ];
        let old = ["path", "new_str", "insert_line", "view_range"];
        let new = ["path", "old_str", "new_str", "insert_text", "file_text"];
        for (kind, name, commands, inputs) in [
            ("bash_20241022", "bash", &[][..], &["restart"][..]),
            ("bash_20250124", "bash", &[], &["command", "restart"]),
            ("text_editor_20241022", "str_replace_editor", OLD, &old),
            ("text_editor_20250124", "str_replace_editor", OLD, &old),
            (
                "text_editor_20250429",
                "str_replace_based_edit_tool",
                NEW,
                &new,
            ),
            (
                "text_editor_20250728",
                "str_replace_based_edit_tool",
                NEW,
                &new,
            ),
            (
                "memory_20250818",
                "memory",
                MEMORY,
                &["old_path", "new_path", "insert_text"],
            ),
        ] {
            check(kind, name, commands, inputs);
        }
    }

    #[test]
    fn other_types_have_none() {
        for (dialect, kind) in [
            (Dialect::Anthropic, "computer_20250124"),
            (Dialect::Anthropic, "code_execution_20250825"),
            // A later version may take other inputs.
            (Dialect::Anthropic, "bash_20991231"),
            (Dialect::OpenAiResponses, "bash_20250124"),
            (Dialect::OpenAiResponses, "local_shell"),
        ] {
            assert_eq!(as_function(&fixed(dialect, kind)), None, "{kind}");
        }
    }

    #[test]
    fn what_the_client_says_stays() {
        let mut tool = fixed(Dialect::Anthropic, "bash_20250124");
        tool.name = "bash".to_owned();
        tool.description = Some("Only reads.".into());
        tool.defer_loading = Some(true);
        tool.cache = Some(crate::canonical::CacheMark { ttl: None });
        let made = as_function(&tool).unwrap();
        assert_eq!(made.description, tool.description);
        assert_eq!(made.defer_loading, tool.defer_loading);
        assert_eq!(made.cache, tool.cache);
    }

    #[test]
    fn what_is_left_out_is_known() {
        let request = Request {
            tools: vec![
                fixed(Dialect::Anthropic, "bash_20250124"),
                fixed(Dialect::Anthropic, "computer_20250124"),
                fixed(Dialect::OpenAiResponses, "local_shell"),
            ],
            ..Request::default()
        };
        let out = |upstream| left_out(&request, upstream).collect::<Vec<_>>();
        assert_eq!(
            out(Dialect::OpenAiChat),
            ["computer_20250124", "local_shell"]
        );
        assert_eq!(out(Dialect::Anthropic), ["local_shell"]);
        assert_eq!(out(Dialect::OpenAiResponses), ["computer_20250124"]);
    }
}
