use super::script::{Script, instance};
use super::*;
use protocol::canonical::{Choice, Item, Role, Tool, ToolKind, Turn, fold};
use protocol::raw::RawJson;
use serde_json::json;

fn ask(text: &str) -> Result<String, u16> {
    let request = Request {
        turns: vec![Turn::new(Role::User, vec![Item::text(text)])],
        ..Request::default()
    };
    let events = Demo.answer(&request).map_err(|failure| failure.status)?;
    let reply = fold(events).map_err(|failure| failure.status)?;
    Ok(reply.choices[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Text { text, .. } => text.to_string(),
            Item::Reasoning { text, .. } => format!("({text})"),
            other => format!("{other:?}"),
        })
        .collect())
}

#[test]
fn it_answers_what_it_was_told() {
    for (text, want) in [
        ("hello there", Ok("You said: hello there")),
        ("/errors are words", Ok("You said: /errors are words")),
        (
            "/think twice",
            Ok("(The user wants me to think about: twice)You said: twice"),
        ),
        ("/error 429 slow down", Err(429)),
        ("/error", Err(500)),
        ("/break off", Err(500)),
        ("demo /error 404 gone", Err(404)),
        ("demo of an echo", Ok("You said: demo of an echo")),
        (
            "/tool",
            Ok("You asked for a tool call but declared no tool."),
        ),
    ] {
        assert_eq!(ask(text), want.map(str::to_owned), "{text}");
    }
}

#[test]
fn a_schema_is_filled() {
    let schema = json!({"type": "object", "properties": {
        "city": {"type": "string"}, "n": {"type": "integer"},
        "kind": {"enum": ["a", "b"]}, "tags": {"type": "array", "items": {"type": "string"}},
    }});
    assert_eq!(
        instance(&schema, "x", 0),
        json!({"city": "x", "n": 1, "kind": "a", "tags": ["x"]})
    );
    let mut schema = schema;
    schema["required"] = json!(["n"]);
    assert_eq!(instance(&schema, "x", 0), json!({"n": 1}));
}

fn function(name: &str, namespace: Option<&str>) -> Tool {
    Tool {
        name: name.into(),
        namespace: namespace.map(str::to_owned),
        description: None,
        kind: ToolKind::Function {
            schema: Some(RawJson::from(json!({"type": "object",
                "properties": {"q": {"type": "string"}}}))),
            strict: None,
            output_schema: None,
        },
        defer_loading: None,
        cache: None,
    }
}

fn tools() -> Vec<Tool> {
    vec![
        function("look", None),
        function("read", Some("fs")),
        Tool {
            kind: ToolKind::Custom { format: None },
            ..function("patch", None)
        },
        Tool {
            kind: ToolKind::Server {
                dialect: Dialect::Anthropic,
                kind: "bash_20250124".into(),
                raw: RawJson::from(json!({"type": "bash_20250124", "name": "bash"})),
            },
            ..function("bash", None)
        },
    ]
}

#[track_caller]
fn check(choice: Option<Choice>, text: &str, want: Result<(&str, &str), &str>) {
    let request = Request {
        turns: vec![Turn::new(Role::User, vec![Item::text(text)])],
        tools: tools(),
        tool_choice: choice,
        ..Request::default()
    };
    match (Script::of(&request), want) {
        (Script::CallTool { name, input, .. }, Ok(want)) => {
            assert_eq!((name.as_str(), input.as_str()), want);
        }
        (Script::Say(said), Err(want)) => assert_eq!(said, want),
        (other, want) => panic!("{other:?} for {want:?}"),
    }
}

#[test]
fn it_calls_what_it_is_told() {
    for (text, want) in [
        ("/tool", ("look", "{}")),
        ("/tool look {\"q\": 1}", ("look", "{\"q\": 1}")),
        ("/tool fs__read", ("fs__read", "{}")),
        ("/tool read {}", ("fs__read", "{}")),
        ("/tool patch a b", ("patch", "a b")),
        (
            "/tool bash {\"command\": \"ls\"}",
            ("bash", "{\"command\": \"ls\"}"),
        ),
    ] {
        check(None, text, Ok(want));
    }
    let unknown = "You asked for a call of nope but declared no tool of that name.";
    check(None, "/tool nope", Err(unknown));
}

#[test]
fn it_obeys_a_tool_choice() {
    let tool = |name: &str, namespace: Option<&str>| {
        Some(Choice::Tool {
            name: name.into(),
            namespace: namespace.map(str::to_owned),
        })
    };
    let allowed = |name: &str, required| {
        Some(Choice::Allowed {
            names: vec![name.into()],
            required,
        })
    };
    for (choice, text, want) in [
        (Some(Choice::Required), "hi", Ok(("look", r#"{"q":"hi"}"#))),
        (Some(Choice::Required), "/tool patch x", Ok(("patch", "x"))),
        (
            tool("look", None),
            "/tool patch x",
            Ok(("look", r#"{"q":"/tool patch x"}"#)),
        ),
        (
            tool("read", Some("fs")),
            "hi",
            Ok(("fs__read", r#"{"q":"hi"}"#)),
        ),
        (tool("patch", None), "hi", Ok(("patch", "hi"))),
        (
            tool("bash", None),
            "ls",
            Ok(("bash", r#"{"command":"ls","restart":true}"#)),
        ),
        (
            allowed("patch", true),
            "/tool look",
            Ok(("patch", "/tool look")),
        ),
        (tool("gone", None), "hi", Err("You said: hi")),
        (Some(Choice::Auto), "hi", Err("You said: hi")),
        (
            allowed("patch", false),
            "/tool look",
            Err("You asked for a call of look but declared no tool of that name."),
        ),
        (
            Some(Choice::None),
            "/tool",
            Err("You asked for a tool call but forbade it by the tool choice."),
        ),
    ] {
        check(choice, text, want);
    }
}

#[test]
fn a_forced_tool_is_called_also_after_a_result() {
    let result = Item::Result {
        call_id: "c".into(),
        name: None,
        content: vec![Item::text("21")],
        object: None,
        is_error: false,
        kind: protocol::canonical::ResultKind::Function,
        cache: None,
    };
    let mut request = Request {
        turns: vec![Turn::new(Role::Tool, vec![result])],
        tools: tools(),
        ..Request::default()
    };
    assert_eq!(
        Script::of(&request),
        Script::Say("The tool answered: 21".into())
    );
    request.tool_choice = Some(Choice::Required);
    let Script::CallTool { name, input, .. } = Script::of(&request) else {
        panic!("no call");
    };
    assert_eq!((name.as_str(), input.as_str()), ("look", r#"{"q":"21"}"#));
}

#[test]
fn notes_of_an_agent_are_not_echoed() {
    let turn = |role, texts: &[&str]| {
        Turn::new(role, texts.iter().map(|text| Item::text(*text)).collect())
    };
    let note = "<system-reminder>\nToday is Monday.\n</system-reminder>\n";
    for (turns, want) in [
        (vec![turn(Role::User, &[note, "hi"])], "You said: hi"),
        (
            vec![turn(Role::User, &["hi"]), turn(Role::User, &[note])],
            "You said: hi",
        ),
        // No note: tags that do not close, or words around them.
        (vec![turn(Role::User, &["<b>bold"])], "You said: <b>bold"),
        (
            vec![turn(Role::User, &["a <b>c</b>"])],
            "You said: a <b>c</b>",
        ),
    ] {
        let request = Request {
            turns,
            ..Request::default()
        };
        assert_eq!(Script::of(&request), Script::Say(want.into()));
    }
    let alone = Request {
        turns: vec![turn(Role::User, &[note])],
        ..Request::default()
    };
    let Script::Say(said) = Script::of(&alone) else {
        panic!("no answer");
    };
    assert!(said.contains("Monday"), "{said}");
}

#[test]
fn a_book_is_no_flood_of_events() {
    let book = "word ".repeat(100_000);
    let request = Request {
        turns: vec![Turn::new(Role::User, vec![Item::text(book.clone())])],
        ..Request::default()
    };
    let events = Demo.answer(&request).unwrap();
    assert!(events.len() < 3000, "{}", events.len());
    let reply = fold(events).unwrap();
    let Item::Text { text, .. } = &reply.choices[0].items[0] else {
        panic!("no text");
    };
    assert_eq!(*text, format!("You said: {}", book.trim()));
    assert_eq!(reply.usage.output_total, Some(100_002));
}
